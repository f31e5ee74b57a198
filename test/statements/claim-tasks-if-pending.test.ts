import { v7 as uuidv7 } from 'uuid'
import { expect, test } from 'vitest'
import { type Claim, claimTasksIfPending } from '../../drizzle/statements/claim-tasks-if-pending.ts'
import { finishTasksIfHeld } from '../../drizzle/statements/finish-tasks-if-held.ts'
import { releaseTasksIfHeld } from '../../drizzle/statements/release-tasks-if-held.ts'
import { TRACEPARENT } from '../setup/new-batch.ts'
import { provesOrderOfLocks } from '../setup/opposite-orders.ts'
import { race } from '../setup/session.ts'
import {
  claimOf,
  drained,
  failure,
  HOLDER,
  processing,
  submitted,
  success,
  taskRow,
} from '../setup/task-states.ts'
import { useDatabase } from '../setup/use-database.ts'

const MODEL = 'qwen3:1.7b'
const database = useDatabase()

const OTHER_HOLDER = { ...HOLDER, workerId: 'worker-2' }

async function verdictOf(taskId: string, fence: number) {
  const verdicts = await database.run(
    claimTasksIfPending([claimOf({ id: taskId }, { fence })], HOLDER),
  )
  expect(verdicts).toHaveLength(1)
  return verdicts[0]?.verdict
}

test('a claim gives all that the call needs', async () => {
  const batch = await submitted(database, ['gemini-2.5-flash'], {
    prompt: 'Why?',
    system: 'Be brief.',
    temperature: 0.5,
    maxTokens: 77,
  })
  const id = batch.tasks[0]!.id
  const verdicts = await database.run(
    claimTasksIfPending([claimOf({ id, family: 'gemini' })], HOLDER),
  )
  expect(verdicts).toEqual([
    {
      verdict: 'claimed',
      wait_ms: null,
      room: null,
      task: {
        id,
        fence: 1,
        attempt: 1,
        failures: 0,
        deaths: 0,
        child_deaths: 0,
        hopeless: false,
        node_id: null,
        node_url: null,
        probe: false,
        node_troubled: false,
        batch_id: batch.batchId,
        conversation_id: batch.conversationId,
        owner: 'local',
        model: 'gemini-2.5-flash',
        family: 'gemini',
        slot: 0,
        mode: 'text',
        prompt: 'Why?',
        files: [],
        system: 'Be brief.',
        temperature: 0.5,
        max_tokens: 77,
        traceparent: TRACEPARENT,
        request_id: 'a-request',
        history: [],
      },
    },
  ])
})

test('a claim stores its holder, the lease and the start', async () => {
  const { tasks } = await submitted(database, [MODEL])
  await database.query("UPDATE tasks SET waiting_since = now() - interval '1 s' WHERE id = $1", [
    tasks[0]!.id,
  ])
  await database.run(claimTasksIfPending([claimOf(tasks[0]!)], { ...HOLDER, leaseMs: 5_000 }))
  const row = await taskRow(
    database,
    tasks[0]!.id,
    `*, extract(epoch FROM lease_expires_at - started_at)::float8 AS lease_s,
      extract(epoch FROM now() - started_at)::float8 AS age_s`,
  )
  expect(row).toMatchObject({
    status: 3,
    fence: 1,
    attempt: 1,
    worker_id: 'worker-1',
    worker_key: '9007199254740993',
    waiting_since: null,
    lease_s: 5,
  })
  expect(row?.age_s).toBeLessThan(5)
})

test('a second attempt counts and starts anew', async () => {
  const { tasks, held } = await processing(database, [MODEL])
  const id = tasks[0]!.id
  await database.query("UPDATE tasks SET started_at = now() - interval '1 h' WHERE id = $1", [id])
  await database.run(releaseTasksIfHeld(drained(held)))
  await database.run(claimTasksIfPending([claimOf({ id }, { fence: 2 })], OTHER_HOLDER))
  const row = await taskRow(
    database,
    id,
    "*, started_at > now() - interval '1 min' AS started_anew",
  )
  expect(row).toMatchObject({ fence: 3, attempt: 2, worker_id: 'worker-2', started_anew: true })
})

test('of two claims of one task at the same moment one is stale', async () => {
  const { tasks } = await submitted(database, [MODEL])
  const claims = [claimOf(tasks[0]!)]
  const { first, second } = await race(
    database,
    claimTasksIfPending(claims, HOLDER),
    claimTasksIfPending(claims, OTHER_HOLDER),
  )
  expect(first).toMatchObject([{ verdict: 'claimed', task: { fence: 1 } }])
  expect(second).toEqual([{ verdict: 'stale', task: null, wait_ms: null, room: null }])
  expect(await taskRow(database, tasks[0]!.id)).toMatchObject({
    fence: 1,
    attempt: 1,
    worker_id: 'worker-1',
  })
})

test('an old fence is stale, though the task is PENDING', async () => {
  const { tasks, held } = await processing(database, [MODEL])
  await database.run(releaseTasksIfHeld(drained(held)))
  expect(await verdictOf(tasks[0]!.id, 0)).toBe('stale')
  expect(await verdictOf(tasks[0]!.id, 1)).toBe('stale')
  expect(await taskRow(database, tasks[0]!.id)).toMatchObject({ status: 0, fence: 2 })
})

test('a fence that the task has not reached is told apart, and changes nothing', async () => {
  const { tasks } = await submitted(database, [MODEL])
  expect(await verdictOf(tasks[0]!.id, 7)).toBe('future')
  expect(await taskRow(database, tasks[0]!.id)).toMatchObject({ status: 0, fence: 0 })
})

test('a message that names no task is told apart', async () => {
  expect(await verdictOf(uuidv7(), 0)).toBe('unknown')
})

test('a task that is not yet due is not claimed', async () => {
  const { tasks } = await submitted(database, [MODEL])
  const id = tasks[0]!.id
  await database.query("UPDATE tasks SET run_after = now() + interval '1 h' WHERE id = $1", [id])
  expect(await verdictOf(id, 0)).toBe('stale')
  expect(await taskRow(database, id)).toMatchObject({ status: 0, fence: 0 })
})

test('a task that is being processed is not claimed, at its own fence either', async () => {
  const { tasks } = await processing(database, [MODEL])
  expect(await verdictOf(tasks[0]!.id, 1)).toBe('stale')
  expect(await taskRow(database, tasks[0]!.id)).toMatchObject({ status: 3, fence: 1, attempt: 1 })
})

test('a task that has ended is not claimed, at its own fence either', async () => {
  const { tasks, held } = await processing(database, [MODEL, MODEL, MODEL])
  const [succeeded, failed, cancelled] = held
  await database.run(finishTasksIfHeld([success(succeeded), failure(failed!)]))
  await database.query(
    `UPDATE tasks SET status = 4, lease_expires_at = NULL, finished_at = now() WHERE id = $1`,
    [cancelled!.taskId],
  )
  const claims = tasks.map((task) => claimOf(task, { fence: 1 }))
  const verdicts = await database.run(claimTasksIfPending(claims, HOLDER))
  expect(verdicts.map(({ verdict }) => verdict)).toEqual(['stale', 'stale', 'stale'])
  const rows = await Promise.all(tasks.map(({ id }) => taskRow(database, id)))
  expect(rows.map((row) => [row?.status, row?.fence])).toEqual([
    [1, 1],
    [2, 1],
    [4, 1],
  ])
})

test('a doubled message in one call claims once, and the first of the two has it', async () => {
  const { tasks } = await submitted(database, [MODEL])
  const claims = [claimOf(tasks[0]!), claimOf(tasks[0]!), claimOf(tasks[0]!)]
  const verdicts = await database.run(claimTasksIfPending(claims, HOLDER))
  expect(verdicts.map(({ verdict }) => verdict)).toEqual(['claimed', 'stale', 'stale'])
  expect(await taskRow(database, tasks[0]!.id)).toMatchObject({ fence: 1, attempt: 1 })
})

test('the verdicts come in the order of the messages', async () => {
  const { tasks } = await submitted(database, Array(40).fill(MODEL))
  const unknown = { id: uuidv7() }
  const messages = [...tasks.toReversed(), unknown, tasks[0]!].map((task) => claimOf(task))
  messages.splice(3, 0, claimOf(tasks[5]!, { fence: 9 }))
  const verdicts = await database.run(claimTasksIfPending(messages, HOLDER))
  expect(verdicts.map(({ task, verdict }) => task?.id ?? verdict)).toEqual(
    messages.map(({ taskId, fence }, i) => {
      if (taskId === unknown.id) return 'unknown'
      if (fence === 9) return 'future'
      return i === messages.length - 1 ? 'stale' : taskId
    }),
  )
})

test('claims that name the same tasks in opposite orders do not deadlock', async () => {
  await provesOrderOfLocks(database, {
    tasks: (await submitted(database, [MODEL, MODEL, MODEL])).tasks.map(({ id }) => id),
    statement: (ids) =>
      claimTasksIfPending(
        ids.map((id) => claimOf({ id })),
        HOLDER,
      ),
  })
})

test('a message in the stream of another family claims nothing', async () => {
  const { tasks } = await submitted(database, [MODEL])
  const stray = claimOf({ id: tasks[0]!.id, family: 'gemini' })
  expect(await database.run(claimTasksIfPending([stray], HOLDER))).toEqual([
    { verdict: 'stray', task: null, wait_ms: null, room: null },
  ])
  expect(await verdictOf(tasks[0]!.id, 0)).toBe('claimed')
})

const again = (taskId: string, overrides: Partial<Claim> = {}) =>
  claimOf({ id: taskId }, { again: true, ...overrides })

test('who did not hear the answer and asks again gets what it took, at the same fence', async () => {
  const { tasks } = await processing(database, [MODEL])
  const id = tasks[0]!.id
  await database.query(
    `UPDATE tasks SET started_at = now() - interval '1 h', lease_expires_at = now() - interval '1 h'
     WHERE id = $1`,
    [id],
  )
  const [verdict] = await database.run(claimTasksIfPending([again(id)], HOLDER))
  expect(verdict).toMatchObject({ verdict: 'claimed', task: { id, fence: 1, attempt: 1 } })
  const row = await taskRow(
    database,
    id,
    `*, started_at > now() - interval '1 min' AS started_anew,
      extract(epoch FROM lease_expires_at - started_at)::float8 AS lease_s`,
  )
  expect(row).toMatchObject({ status: 3, fence: 1, attempt: 1, started_anew: true, lease_s: 60 })
})

test('who asks again where nothing was taken claims as if for the first time', async () => {
  const { tasks } = await submitted(database, [MODEL])
  const [verdict] = await database.run(claimTasksIfPending([again(tasks[0]!.id)], HOLDER))
  expect(verdict).toMatchObject({ verdict: 'claimed', task: { fence: 1, attempt: 1 } })
})

test('who has not asked before gets nothing of what its own process runs', async () => {
  const { tasks } = await processing(database, [MODEL])
  expect(await verdictOf(tasks[0]!.id, 0)).toBe('stale')
  expect(await taskRow(database, tasks[0]!.id)).toMatchObject({ fence: 1, attempt: 1 })
})

test('another process that asks again gets nothing, though it has the same name', async () => {
  const { tasks } = await processing(database, [MODEL])
  const other = { ...HOLDER, workerKey: HOLDER.workerKey + 1n }
  const verdicts = await database.run(claimTasksIfPending([again(tasks[0]!.id)], other))
  expect(verdicts).toEqual([{ verdict: 'stale', task: null, wait_ms: null, room: null }])
  expect(await taskRow(database, tasks[0]!.id)).toMatchObject({
    worker_key: '9007199254740993',
    fence: 1,
  })
})

test('only the very next fence is what an unheard claim took', async () => {
  const { tasks, held } = await processing(database, [MODEL])
  const id = tasks[0]!.id
  await database.run(releaseTasksIfHeld(drained(held)))
  await database.run(claimTasksIfPending([claimOf({ id }, { fence: 2 })], HOLDER))
  const claims = [again(id), again(id, { fence: 1 }), again(id, { fence: 3 })]
  const verdicts = await database.run(claimTasksIfPending(claims, HOLDER))
  expect(verdicts.map(({ verdict }) => verdict)).toEqual(['stale', 'stale', 'stale'])
  expect(await taskRow(database, id)).toMatchObject({ status: 3, fence: 3, attempt: 2 })
})

test('what was taken unheard and has ended since is not to be had again', async () => {
  const { tasks, held } = await processing(database, [MODEL, MODEL])
  await database.run(finishTasksIfHeld([success(held[0]), failure(held[1]!)]))
  const verdicts = await database.run(
    claimTasksIfPending(
      tasks.map(({ id }) => again(id)),
      HOLDER,
    ),
  )
  expect(verdicts.map(({ verdict }) => verdict)).toEqual(['stale', 'stale'])
  expect(await taskRow(database, tasks[0]!.id)).toMatchObject({ status: 1, fence: 1 })
})

test('a message of another family that is asked again gets nothing', async () => {
  const { tasks } = await processing(database, [MODEL])
  const stray = again(tasks[0]!.id, { family: 'gemini' })
  expect(await database.run(claimTasksIfPending([stray], HOLDER))).toMatchObject([
    { verdict: 'stray' },
  ])
})

test('a doubled message that is asked again is handed over once', async () => {
  const { tasks } = await processing(database, [MODEL])
  const claims = [again(tasks[0]!.id), again(tasks[0]!.id)]
  const verdicts = await database.run(claimTasksIfPending(claims, HOLDER))
  expect(verdicts.map(({ verdict }) => verdict)).toEqual(['claimed', 'stale'])
})

test('a claim stores whether its holder is watched, and so does one that is asked again', async () => {
  const { tasks } = await submitted(database, [MODEL])
  const id = tasks[0]!.id
  await database.run(claimTasksIfPending([claimOf({ id })], { ...HOLDER, watched: true }))
  expect(await taskRow(database, id)).toMatchObject({ watched: true })
  await database.run(claimTasksIfPending([again(id)], HOLDER))
  expect(await taskRow(database, id)).toMatchObject({ watched: false })
})

test('a claim tells how often the task failed, and how often its holder and its own process died', async () => {
  const { tasks } = await submitted(database, [MODEL])
  await database.query(
    'UPDATE tasks SET failures = 1, deaths = 4, child_deaths = 2 WHERE id = $1',
    [tasks[0]!.id],
  )
  const [verdict] = await database.run(claimTasksIfPending([claimOf(tasks[0]!)], HOLDER))
  expect(verdict?.task).toMatchObject({ failures: 1, deaths: 4, child_deaths: 2 })
})
