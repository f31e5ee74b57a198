import { beforeEach, expect, test } from 'vitest'
import { claimTasksIfPending } from '../../drizzle/statements/claim-tasks-if-pending.ts'
import { endWaitsForNode } from '../../drizzle/statements/end-waits-for-node.ts'
import { releaseTasksIfHeld } from '../../drizzle/statements/release-tasks-if-held.ts'
import { ringTasksIfDue } from '../../drizzle/statements/ring-tasks-if-due.ts'
import { node } from '../setup/node-states.ts'
import { openSession } from '../setup/session.ts'
import { claimOf, HOLDER, processing, submitted, taskRow } from '../setup/task-states.ts'
import { useDatabase } from '../setup/use-database.ts'

const MODELS = { qwen: 'qwen3:1.7b', gemini: 'gemini-2.5-flash', deepseek: 'deepseek-r1:1.5b' }
const database = useDatabase()

beforeEach(async () => {
  await database.query('DELETE FROM conversations')
})

/** Tasks that wait for a node that rests for an hour; gives their ids. */
async function waiting(count: number, family: keyof typeof MODELS = 'qwen'): Promise<string[]> {
  const nodeId = await node(database, { status: '429_LIMIT', retryInS: 3_600, family })
  const { tasks } = await submitted(database, Array(count).fill(MODELS[family]))
  const claims = tasks.map((task) => claimOf(task, { nodeId }))
  const verdicts = await database.run(claimTasksIfPending(claims, HOLDER))
  expect(verdicts.map(({ verdict }) => verdict)).toEqual(Array(count).fill('waiting'))
  return tasks.map(({ id }) => id)
}

async function due(): Promise<string[]> {
  const rows = await database.run(ringTasksIfDue(100))
  return rows.map(({ task_id }) => task_id).toSorted()
}

test('tasks that wait for a node of the families are due now, and are counted', async () => {
  const qwen = await waiting(2)
  const gemini = await waiting(1, 'gemini')
  await waiting(1, 'deepseek')
  expect(await database.run(endWaitsForNode(['qwen', 'gemini'], 10))).toEqual([{ tasks: 3 }])
  expect(await due()).toEqual([...qwen, ...gemini].toSorted())
})

test('it stays known since when they wait', async () => {
  const [id] = await waiting(1)
  await database.run(endWaitsForNode(['qwen'], 10))
  expect((await taskRow(database, id!))?.waiting_since).not.toBeNull()
})

test('a second look finds none', async () => {
  await waiting(1)
  await database.run(endWaitsForNode(['qwen'], 10))
  expect(await database.run(endWaitsForNode(['qwen'], 10))).toEqual([{ tasks: 0 }])
})

test('a task that was put off for another reason keeps its time', async () => {
  const { held } = await processing(database, [MODELS.qwen])
  const release = { ...held[0], because: 'failed', afterMs: 3_600_000 } as const
  await database.run(releaseTasksIfHeld([release]))
  expect(await database.run(endWaitsForNode(['qwen'], 10))).toEqual([{ tasks: 0 }])
  expect(await due()).toEqual([])
})

test('no more than the limit are due at a time, the earliest first', async () => {
  const [late, early] = await waiting(2)
  await database.query("UPDATE tasks SET run_after = now() + interval '1 min' WHERE id = $1", [
    early,
  ])
  expect(await database.run(endWaitsForNode(['qwen'], 1))).toEqual([{ tasks: 1 }])
  expect(await due()).toEqual([early])
  expect(await database.run(endWaitsForNode(['qwen'], 1))).toEqual([{ tasks: 1 }])
  expect(await due()).toEqual([late])
})

test('a task that another is dealing with is left to it, and nobody waits', async () => {
  const [theirs] = await waiting(2)
  const [other, mine] = [await openSession(database), await openSession(database)]
  await other.query('BEGIN')
  await other.query('SELECT FROM tasks WHERE id = $1 FOR UPDATE', [theirs])
  await mine.query("SET lock_timeout = '1 s'")
  expect(await mine.run(endWaitsForNode(['qwen'], 10))).toEqual([{ tasks: 1 }])
  await other.query('COMMIT')
})
