import { v7 as uuidv7 } from 'uuid'
import { expect, test } from 'vitest'
import { cancelTasksIfOpen } from '../../drizzle/statements/cancel-tasks-if-open.ts'
import { claimTasksIfPending } from '../../drizzle/statements/claim-tasks-if-pending.ts'
import { finishTasksIfHeld } from '../../drizzle/statements/finish-tasks-if-held.ts'
import { replayDeadLetters } from '../../drizzle/statements/replay-dead-letters.ts'
import {
  type Retry,
  retryTaskIfFailedOrCancelled,
} from '../../drizzle/statements/retry-task-if-failed-or-cancelled.ts'
import { failed, letterRow } from '../setup/dead-letters.ts'
import { openSession, race, untilWaiting } from '../setup/session.ts'
import {
  answered,
  batchRow,
  claimOf,
  HOLDER,
  next,
  processing,
  submitted,
  success,
  taskRow,
} from '../setup/task-states.ts'
import { useDatabase } from '../setup/use-database.ts'

const MODEL = 'qwen3:1.7b'
const database = useDatabase()

const TRACE_OF_RETRY = '00-11111111111111111111111111111111-2222222222222222-01'
const retry = (taskId: string, given: Partial<Retry> = {}) =>
  retryTaskIfFailedOrCancelled({
    owner: 'local',
    taskId,
    requestId: 'a-retry',
    traceparent: TRACE_OF_RETRY,
    limits: { openTasks: 0, queueDepth: 0 },
    ...given,
  })

/** What claims of a task see of the conversation, oldest turn first. */
async function answersSeen(id: string, fence: number) {
  const [verdict] = await database.run(claimTasksIfPending([claimOf({ id }, { fence })], HOLDER))
  return verdict?.task?.history.map(({ answer }) => answer)
}

test('a task that failed is PENDING again, its batch open, its dead letters settled', async () => {
  const batch = await failed(database, 2)
  const { taskId, letterId } = batch.failed[0]
  await database.query('UPDATE tasks SET failures = 3, deaths = 2 WHERE id = $1', [taskId])
  expect(await database.run(retry(taskId))).toEqual([
    {
      old_status: 2,
      refused: null,
      asked_by: 'a-request',
      ring: { task_id: taskId, fence: 2, family: 'qwen', traceparent: TRACE_OF_RETRY },
    },
  ])
  const row = await taskRow(
    database,
    taskId,
    "*, rung_at > now() - interval '1 min' AS rung_now, run_after <= now() AS due",
  )
  expect(row).toMatchObject({
    status: 0,
    fence: 2,
    failures: 0,
    deaths: 0,
    rung_now: true,
    due: true,
  })
  expect(row).toMatchObject({ error_code: null, finished_at: null, worker_id: null })
  expect(await batchRow(database, batch.batchId)).toMatchObject({
    status: 'PROCESSING',
    open_tasks: 1,
    failed_tasks: 1,
    finished_at: null,
  })
  expect((await letterRow(database, letterId))?.replayed_at).toBeInstanceOf(Date)
  expect((await letterRow(database, batch.failed[1]!.letterId))?.replayed_at).toBeNull()
})

test('a task that was cancelled is PENDING again, without the text that was kept', async () => {
  const { batchId, held } = await processing(database, [MODEL])
  const { taskId } = held[0]
  await database.run(cancelTasksIfOpen('local', { taskIds: [taskId] }))
  await database.query("UPDATE tasks SET response_text = 'So f' WHERE id = $1", [taskId])
  expect(await database.run(retry(taskId))).toMatchObject([{ old_status: 4, ring: { fence: 3 } }])
  expect(await taskRow(database, taskId)).toMatchObject({ status: 0, response_text: null })
  expect(await batchRow(database, batchId)).toMatchObject({ open_tasks: 1, cancelled_tasks: 0 })
})

test('a task that waits, runs, or has its answer is left as it is', async () => {
  const waits = await submitted(database, [MODEL])
  const runs = await processing(database, [MODEL])
  const done = await answered(database, [MODEL], ['An answer'])
  for (const [batch, status] of [
    [waits, 0],
    [runs, 3],
    [done, 1],
  ] as const) {
    const { id } = batch.tasks[0]!
    const before = await taskRow(database, id)
    expect(await database.run(retry(id))).toMatchObject([{ old_status: status, ring: null }])
    expect(await taskRow(database, id)).toEqual(before)
  }
})

test('a task of another owner is not found, nor is one that does not exist', async () => {
  const { failed: letters } = await failed(database)
  expect(await database.run(retry(letters[0].taskId, { owner: 'ada' }))).toEqual([])
  expect(await database.run(retry(uuidv7()))).toEqual([])
  expect(await taskRow(database, letters[0].taskId)).toMatchObject({ status: 2 })
  expect(await letterRow(database, letters[0].letterId)).toMatchObject({ replayed_at: null })
})

test('a dead letter of a task that was not retried is not settled', async () => {
  const { failed: letters } = await failed(database)
  const { taskId, letterId } = letters[0]
  await database.run(retry(taskId))
  await database.query('UPDATE dead_letters SET replayed_at = NULL WHERE id = $1', [letterId])
  await database.run(retry(taskId))
  expect(await letterRow(database, letterId)).toMatchObject({ replayed_at: null })
})

test('of two retries at the same moment the second finds the task open', async () => {
  const batch = await failed(database)
  const { taskId } = batch.failed[0]
  const { second } = await race(database, retry(taskId), retry(taskId, { requestId: 'another' }))
  expect(second).toMatchObject([{ old_status: 0, ring: null }])
  expect(await batchRow(database, batch.batchId)).toMatchObject({ open_tasks: 1, failed_tasks: 0 })
})

test('what is done for a task from now on bears the marks of the request that retried it', async () => {
  const batch = await failed(database)
  const { taskId } = batch.failed[0]
  const [retried] = await database.run(retry(taskId))
  const { fence } = retried!.ring!
  const [claim] = await database.run(
    claimTasksIfPending([claimOf({ id: taskId }, { fence })], HOLDER),
  )
  expect(claim?.task).toMatchObject({ request_id: 'a-retry', traceparent: TRACE_OF_RETRY })
})

test('a repeat of the same retry rings the task once more, one of another request does not', async () => {
  const batch = await failed(database)
  const { taskId } = batch.failed[0]
  const [first] = await database.run(retry(taskId))
  const limits = { openTasks: 1, queueDepth: 1 }
  const again = await database.run(retry(taskId, { limits }))
  expect(again).toMatchObject([{ old_status: 0, refused: null, ring: first!.ring }])
  expect(await database.run(retry(taskId, { requestId: 'another' }))).toMatchObject([
    { old_status: 0, ring: null },
  ])
})

test.each([
  ['open_tasks', { openTasks: 2, queueDepth: 0 }],
  ['queue_depth', { openTasks: 0, queueDepth: 2 }],
])('a retry that would break the limit of %s leaves all as it is', async (refused, limits) => {
  await database.query('TRUNCATE batches CASCADE')
  const batch = await failed(database)
  const { taskId, letterId } = batch.failed[0]
  const one = await submitted(database, [MODEL])
  await submitted(database, [MODEL])
  const before = [await taskRow(database, taskId), await batchRow(database, batch.batchId)]
  expect(await database.run(retry(taskId, { limits }))).toMatchObject([{ refused, ring: null }])
  expect([await taskRow(database, taskId), await batchRow(database, batch.batchId)]).toEqual(before)
  expect(await letterRow(database, letterId)).toMatchObject({ replayed_at: null })
  // A task that is open has no place to ask for.
  expect(await database.run(retry(one.tasks[0]!.id, { limits }))).toMatchObject([
    { old_status: 0, refused: null, ring: null },
  ])
  await database.run(cancelTasksIfOpen('local', { batchId: one.batchId }))
  expect(await database.run(retry(taskId, { limits }))).toMatchObject([{ refused: null }])
  expect(await taskRow(database, taskId, 'status')).toEqual({ status: 0 })
})

test('a retry locks its task before its dead letter, as a replay does', async () => {
  const batch = await failed(database)
  const { taskId, letterId } = batch.failed[0]
  const [gate, one, two] = [
    await openSession(database),
    await openSession(database),
    await openSession(database),
  ]
  await gate.query('BEGIN')
  await gate.query('SELECT FROM tasks WHERE id = $1 FOR UPDATE', [taskId])
  const first = one.run(retry(taskId))
  await untilWaiting(database, one, first)
  // The dead letter is free, and so nobody who has it can wait for the task.
  await two.query('SELECT FROM dead_letters WHERE id = $1 FOR UPDATE NOWAIT', [letterId])
  await gate.query('COMMIT')
  expect(await first).toMatchObject([{ old_status: 2 }])
  const letters = [{ letterId, auditId: uuidv7() }]
  const [replayed] = await database.run(replayDeadLetters(letters, { actor: 'a', canRing: true }))
  expect(replayed).toMatchObject({ verdict: 'open' })
})

test('a retry sees what the first try saw, and later turns do not see its answer', async () => {
  const one = await answered(database, [MODEL, MODEL], ['a1', null])
  const two = await answered(database, [MODEL], [null], next(one))
  const [late] = await database.run(retry(one.tasks[1]!.id))
  await database.run(
    claimTasksIfPending([claimOf({ id: one.tasks[1]!.id }, { fence: late!.ring!.fence })], HOLDER),
  )
  const held = { taskId: one.tasks[1]!.id, fence: late!.ring!.fence + 1 }
  expect(await database.run(finishTasksIfHeld([success(held, 'late')]))).toHaveLength(1)
  await answered(database, [MODEL], ['a3'], next(one))
  const [retried] = await database.run(retry(two.tasks[0]!.id))
  expect(await answersSeen(two.tasks[0]!.id, retried!.ring!.fence)).toEqual(['a1'])
})
