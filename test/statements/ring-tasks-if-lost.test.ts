import { beforeEach, expect, test } from 'vitest'
import { claimTasksIfPending } from '../../drizzle/statements/claim-tasks-if-pending.ts'
import { ringTasksIfLost } from '../../drizzle/statements/ring-tasks-if-lost.ts'
import { TRACEPARENT } from '../setup/new-batch.ts'
import { openSession } from '../setup/session.ts'
import { claimOf, HOLDER, processing, submitted, taskRow } from '../setup/task-states.ts'
import { useDatabase } from '../setup/use-database.ts'

const MODEL = 'qwen3:1.7b'
const database = useDatabase()

beforeEach(async () => {
  await database.query('DELETE FROM conversations')
})

/** PENDING tasks, each rung so many seconds ago; gives their ids. */
async function rungAgo(...seconds: number[]): Promise<string[]> {
  const { tasks } = await submitted(
    database,
    seconds.map(() => MODEL),
  )
  for (const [i, { id }] of tasks.entries()) {
    await database.query(
      "UPDATE tasks SET rung_at = now() - $2::float8 * interval '1 s' WHERE id = $1",
      [id, seconds[i]],
    )
  }
  return tasks.map(({ id }) => id)
}

async function rung(ageMs = 0, limit = 10, family = 'qwen') {
  const rows = await database.run(ringTasksIfLost([{ family, ageMs }], 'now', limit))
  return rows.map(({ task_id }) => task_id).toSorted()
}

test('a due task that was rung 10 s ago or more is rung again, and tells how', async () => {
  const [id] = await rungAgo(11)
  await database.query('UPDATE tasks SET fence = 4 WHERE id = $1', [id])
  expect(await database.run(ringTasksIfLost([{ family: 'qwen', ageMs: 0 }], 'now', 10))).toEqual([
    { task_id: id, fence: 4, family: 'qwen', traceparent: TRACEPARENT },
  ])
  expect(await taskRow(database, id!)).toMatchObject({ status: 0, fence: 4 })
})

test('a task that was rung less than 10 s ago is left alone', async () => {
  await rungAgo(9)
  expect(await rung()).toEqual([])
})

test('a ring is noted, so that a second look finds nothing', async () => {
  const [id] = await rungAgo(11)
  expect(await rung()).toEqual([id])
  expect(await rung()).toEqual([])
})

test('what was rung after the given moment is left alone, however long ago that is', async () => {
  const [before] = await rungAgo(120, 80)
  const [earlier] = await database.query("SELECT (now() - interval '90 s')::text AS moment")
  const ids = async () => {
    const statement = ringTasksIfLost([{ family: 'qwen', ageMs: 0 }], earlier?.moment, 10)
    return (await database.run(statement)).map(({ task_id }) => task_id)
  }
  expect(await ids()).toEqual([before])
  await database.query("UPDATE tasks SET rung_at = now() - interval '85 s'")
  expect(await ids()).toEqual([])
})

test('a task whose message still waits its turn is left alone', async () => {
  const [before] = await rungAgo(120, 80)
  expect(await rung(100_000)).toEqual([before])
})

test('an entry that seems to lie in the future counts as of now', async () => {
  await rungAgo(9)
  expect(await rung(-5_000)).toEqual([])
})

test('a task that is not yet due is not rung', async () => {
  const [id] = await rungAgo(11)
  await database.query("UPDATE tasks SET run_after = now() + interval '1 h' WHERE id = $1", [id])
  expect(await rung()).toEqual([])
})

test('several families are looked at in one statement, each by its own reading', async () => {
  const [qwen] = await rungAgo(50)
  const [gemini] = await rungAgo(50)
  await database.query("UPDATE tasks SET family = 'gemini' WHERE id = $1", [gemini])
  const both = (geminiMs: number) =>
    ringTasksIfLost(
      [
        { family: 'gemini', ageMs: geminiMs },
        { family: 'qwen', ageMs: 0 },
      ],
      'now',
      10,
    )
  const ids = async (geminiMs: number) =>
    (await database.run(both(geminiMs))).map(({ task_id }) => task_id)
  expect(await ids(100_000)).toEqual([qwen])
  expect(await ids(0)).toEqual([gemini])
})

test('a task that was put off and not rung yet is left to its due time', async () => {
  const [id] = await rungAgo(50)
  await database.query('UPDATE tasks SET rung_at = NULL WHERE id = $1', [id])
  expect(await rung()).toEqual([])
})

test('the tasks of another family are not rung', async () => {
  const [id] = await rungAgo(11)
  expect(await rung(0, 10, 'gemini')).toEqual([])
  expect(await rung()).toEqual([id])
})

test('a task that is being processed is not rung', async () => {
  const { held } = await processing(database, [MODEL])
  await database.query("UPDATE tasks SET rung_at = now() - interval '1 h' WHERE id = $1", [
    held[0].taskId,
  ])
  expect(await rung()).toEqual([])
})

test('no more than the limit is rung at a time, the longest silent first', async () => {
  const [second, first, third] = await rungAgo(20, 30, 11)
  expect(await rung(0, 1)).toEqual([first])
  expect(await rung(0, 1)).toEqual([second])
  expect(await rung(0, 5)).toEqual([third])
})

test('the limit is that of each family', async () => {
  const [qwen] = await rungAgo(30, 20)
  const [gemini] = await rungAgo(10)
  await database.query(
    "UPDATE tasks SET family = 'gemini', rung_at = now() - interval '15 s' WHERE id = $1",
    [gemini],
  )
  const readings = ['qwen', 'gemini'].map((family) => ({ family, ageMs: 0 }))
  const rows = await database.run(ringTasksIfLost(readings, 'now', 1))
  expect(rows.map(({ task_id }) => task_id).toSorted()).toEqual([qwen, gemini].toSorted())
})

test('a task that is claimed at the moment is not rung, and nobody waits for it', async () => {
  const [claimed, lost] = await rungAgo(20, 20)
  const [worker, sweeper] = [await openSession(database), await openSession(database)]
  await worker.query('BEGIN')
  await worker.run(claimTasksIfPending([claimOf({ id: claimed! })], HOLDER))
  await sweeper.query("SET lock_timeout = '1 s'")
  const rows = await sweeper.run(ringTasksIfLost([{ family: 'qwen', ageMs: 0 }], 'now', 10))
  expect(rows.map(({ task_id }) => task_id)).toEqual([lost])
  await worker.query('COMMIT')
})
