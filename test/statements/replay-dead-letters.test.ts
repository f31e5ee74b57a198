import { v7 as uuidv7 } from 'uuid'
import { expect, test } from 'vitest'
import { cancelTasksIfOpen } from '../../drizzle/statements/cancel-tasks-if-open.ts'
import { claimTasksIfPending } from '../../drizzle/statements/claim-tasks-if-pending.ts'
import { finishTasksIfHeld } from '../../drizzle/statements/finish-tasks-if-held.ts'
import { purgeDeadLetters } from '../../drizzle/statements/purge-dead-letters.ts'
import { replayDeadLetters } from '../../drizzle/statements/replay-dead-letters.ts'
import {
  MAX_PAYLOAD_BYTES,
  WHOLE_PAYLOAD_BYTES,
} from '../../drizzle/statements/save-dead-messages.ts'
import { deadMessage, type Failed, failed, letterRow } from '../setup/dead-letters.ts'
import { TRACEPARENT } from '../setup/new-batch.ts'
import { provesOrderOfLocks } from '../setup/opposite-orders.ts'
import { openSession, race, untilWaiting } from '../setup/session.ts'
import { batchRow, claimOf, failure, HOLDER, success, taskRow } from '../setup/task-states.ts'
import { useDatabase } from '../setup/use-database.ts'

const purger = () => ({ actor: 'ann', auditId: uuidv7() })
const database = useDatabase()

const replay = (letterIds: string[], { canRing = true, actor = 'ann@host' } = {}) =>
  replayDeadLetters(
    letterIds.map((letterId) => ({ letterId, auditId: uuidv7() })),
    { canRing, actor },
  )

async function verdictOf(letterId: string, options = {}) {
  const rows = await database.run(replay([letterId], options))
  expect(rows.map(({ letter_id }) => letter_id)).toEqual([letterId])
  return rows[0]!
}

function audits(letterId: string) {
  return database.query('SELECT * FROM sys_logs WHERE message LIKE $1', [`%${letterId}%`])
}

/** Has a replayed task fail again, or succeed. Gives the dead letter that this leaves. */
async function ends({ taskId }: Failed, how: 'fails' | 'succeeds'): Promise<string> {
  const [row] = await database.query<{ fence: number }>(
    `UPDATE tasks SET status = 3, fence = fence + 1, worker_id = $2, worker_key = 1,
       lease_expires_at = now() + interval '1 min', started_at = now() WHERE id = $1 RETURNING fence`,
    [taskId, HOLDER.workerId],
  )
  const held = { taskId, fence: row!.fence }
  const outcome = how === 'fails' ? failure(held) : success(held)
  await database.run(finishTasksIfHeld([outcome]))
  return outcome.deadLetterId!
}

test('a replayed task is PENDING as on its first day, at a new fence, and tells how to ring it', async () => {
  const { failed: letters } = await failed(database)
  const { taskId, letterId } = letters[0]
  await database.query(
    `UPDATE tasks SET failures = 3, deaths = 2, child_deaths = 1, response_text = 'So f',
       reasoning_text = 'Hm', usage = '{}', finish_reason = 'length', answered_by = 'qwen',
       first_token_ms = 3, reasoning_ms = 4, rung_at = NULL, run_after = now() + interval '1 h', watched = true
     WHERE id = $1`,
    [taskId],
  )
  expect(await verdictOf(letterId)).toEqual({
    letter_id: letterId,
    verdict: 'task',
    ring: { task_id: taskId, fence: 2, family: 'qwen', traceparent: TRACEPARENT },
    message: null,
    newer: null,
  })
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
    child_deaths: 0,
    rung_now: true,
    due: true,
    waiting_since: null,
    response_text: null,
    reasoning_text: null,
    error_code: null,
    error_msg: null,
    usage: null,
    finish_reason: null,
    answered_by: null,
    first_token_ms: null,
    reasoning_ms: null,
    worker_id: null,
    worker_key: null,
    watched: false,
    started_at: null,
    finished_at: null,
  })
})

test('the batch of a replayed task is open again, and ends with it', async () => {
  const batch = await failed(database, 2)
  expect(await batchRow(database, batch.batchId)).toMatchObject({ status: 'FAILED' })
  await database.run(replay([batch.failed[0].letterId]))
  expect(await batchRow(database, batch.batchId)).toMatchObject({
    status: 'PROCESSING',
    open_tasks: 1,
    failed_tasks: 1,
    finished_at: null,
  })
  await ends(batch.failed[0], 'succeeds')
  const row = await batchRow(database, batch.batchId)
  expect(row).toMatchObject({ status: 'PARTIAL', success_tasks: 1, failed_tasks: 1 })
  expect(row?.finished_at).toBeInstanceOf(Date)
})

test('tasks of several batches are replayed in one statement, each counted in its own', async () => {
  const one = await failed(database, 2)
  const two = await failed(database, 3)
  const ids = [two.failed[2]!, one.failed[0], two.failed[0]].map(({ letterId }) => letterId)
  const rows = await database.run(replay(ids))
  expect(rows.map(({ letter_id, verdict }) => [letter_id, verdict])).toEqual(
    ids.map((id) => [id, 'task']),
  )
  expect(await batchRow(database, one.batchId)).toMatchObject({ open_tasks: 1, failed_tasks: 1 })
  expect(await batchRow(database, two.batchId)).toMatchObject({ open_tasks: 2, failed_tasks: 1 })
  expect(await taskRow(database, two.failed[1]!.taskId)).toMatchObject({ status: 2 })
  expect(await letterRow(database, two.failed[1]!.letterId)).toMatchObject({ replayed_at: null })
})

test('a replay is marked on its dead letter and leaves one line of audit, which names who did it', async () => {
  const { failed: letters } = await failed(database)
  const { taskId, letterId } = letters[0]
  const auditId = uuidv7()
  await database.run(replayDeadLetters([{ letterId, auditId }], { actor: 'bob@x', canRing: true }))
  expect((await letterRow(database, letterId))?.replayed_at).toBeInstanceOf(Date)
  expect(await audits(letterId)).toMatchObject([
    {
      id: auditId,
      level: 'audit',
      source: 'dlq',
      code: 'dead_letter_replayed',
      task_id: taskId,
      message: `bob@x replayed the dead letter ${letterId}.`,
    },
  ])
})

test('a task that has since succeeded is not replayed', async () => {
  const batch = await failed(database)
  const { taskId, letterId } = batch.failed[0]
  await database.run(replay([letterId]))
  await ends(batch.failed[0], 'succeeds')
  const before = await taskRow(database, taskId)
  expect(await verdictOf(letterId)).toMatchObject({ verdict: 'succeeded', ring: null })
  expect(await taskRow(database, taskId)).toEqual(before)
  expect(await audits(letterId)).toHaveLength(1)
  expect(await batchRow(database, batch.batchId)).toMatchObject({ status: 'COMPLETED' })
})

test('a task that waits, or runs, is not replayed', async () => {
  const { failed: letters } = await failed(database)
  const { taskId, letterId } = letters[0]
  await database.run(replay([letterId]))
  expect(await verdictOf(letterId)).toMatchObject({ verdict: 'open', ring: null })
  await database.query(
    `UPDATE tasks SET status = 3, worker_id = 'w', worker_key = 1, started_at = now(),
       lease_expires_at = now() WHERE id = $1`,
    [taskId],
  )
  expect(await verdictOf(letterId)).toMatchObject({ verdict: 'open', ring: null })
  expect(await taskRow(database, taskId)).toMatchObject({ status: 3, fence: 2 })
})

test('a task that was cancelled is not replayed', async () => {
  const { failed: letters } = await failed(database)
  const { taskId, letterId } = letters[0]
  await database.run(replay([letterId]))
  await database.run(cancelTasksIfOpen('local', { taskIds: [taskId] }))
  expect(await verdictOf(letterId)).toMatchObject({ verdict: 'cancelled', ring: null })
  expect(await taskRow(database, taskId)).toMatchObject({ status: 4 })
})

test('a task that was deleted is gone, and a dead letter that there is not is unknown', async () => {
  const { batchId, failed: letters } = await failed(database)
  await database.query('DELETE FROM batches WHERE id = $1', [batchId])
  expect(await verdictOf(letters[0].letterId)).toMatchObject({ verdict: 'gone', ring: null })
  expect(await letterRow(database, letters[0].letterId)).toMatchObject({ replayed_at: null })
  const nowhere = uuidv7()
  expect(await verdictOf(nowhere)).toMatchObject({ verdict: 'unknown', ring: null })
  expect(await audits(letters[0].letterId)).toEqual([])
  expect(await audits(nowhere)).toEqual([])
})

test('of a task that failed again the newer dead letter is named, and replayed instead', async () => {
  const { failed: letters } = await failed(database)
  const { taskId, letterId } = letters[0]
  await database.run(replay([letterId]))
  const newer = await ends(letters[0], 'fails')
  expect(await verdictOf(letterId)).toMatchObject({ verdict: 'replayed_before', ring: null, newer })
  expect(await taskRow(database, taskId)).toMatchObject({ status: 2 })
  expect(await verdictOf(newer)).toMatchObject({ verdict: 'task', newer: null })
})

test('a dead letter is replayed once more where the newer one has been purged', async () => {
  const { failed: letters } = await failed(database)
  await database.run(replay([letters[0].letterId]))
  const newer = await ends(letters[0], 'fails')
  const purge = { ids: [newer], kind: null, olderThanDays: null, replayed: false }
  await database.run(purgeDeadLetters(purge, 10, purger()))
  const { failed: others } = await failed(database)
  const rows = await database.run(replay([letters[0].letterId, others[0].letterId]))
  expect(rows).toMatchObject([{ verdict: 'task' }, { verdict: 'task' }])
})

test('a replay settles all the dead letters of its task, and those of no other', async () => {
  const { failed: letters } = await failed(database, 2)
  const [one, other] = letters as [Failed, Failed]
  await database.run(replay([one.letterId]))
  const first = (await letterRow(database, one.letterId))?.replayed_at
  const second = await ends(one, 'fails')
  await database.query('UPDATE tasks SET status = 0, finished_at = NULL WHERE id = $1', [
    one.taskId,
  ])
  await database.query(
    'UPDATE batches SET open_tasks = 1, failed_tasks = 1, finished_at = NULL WHERE id = (SELECT batch_id FROM tasks WHERE id = $1)',
    [one.taskId],
  )
  const third = await ends(one, 'fails')
  expect(await verdictOf(third)).toMatchObject({ verdict: 'task' })
  expect((await letterRow(database, second))?.replayed_at).toBeInstanceOf(Date)
  expect((await letterRow(database, one.letterId))?.replayed_at).toEqual(first)
  expect(await letterRow(database, other.letterId)).toMatchObject({ replayed_at: null })
})

test('two dead letters of one task in one statement replay it once', async () => {
  const batch = await failed(database)
  const { taskId, letterId } = batch.failed[0]
  const twin = uuidv7()
  await database.query(
    `INSERT INTO dead_letters (id, kind, source, original_id, task_id, payload, error_code, error_msg)
     SELECT $2, kind, source, original_id, task_id, payload, error_code, error_msg
     FROM dead_letters WHERE id = $1`,
    [letterId, twin],
  )
  const rows = await database.run(replay([twin, letterId]))
  expect(rows.map(({ verdict, ring }) => [verdict, ring?.task_id, ring?.fence])).toEqual([
    ['task', taskId, 2],
    ['task', taskId, 2],
  ])
  expect(await batchRow(database, batch.batchId)).toMatchObject({ open_tasks: 1, failed_tasks: 0 })
})

test('a message comes back with its stream and its fields, and is marked with a line of audit', async () => {
  const payload = '["task_id","nonsense","more","\\u0000"]'
  const id = await deadMessage(database, { stream: 'gemini_stream', payload })
  expect(await verdictOf(id)).toEqual({
    letter_id: id,
    verdict: 'message',
    ring: null,
    message: { stream: 'gemini_stream', payload },
    newer: null,
  })
  expect((await letterRow(database, id))?.replayed_at).toBeInstanceOf(Date)
  expect(await audits(id)).toMatchObject([{ level: 'audit', task_id: null }])
})

test('a message can be replayed again', async () => {
  const id = await deadMessage(database)
  await database.run(replay([id]))
  expect(await verdictOf(id)).toMatchObject({ verdict: 'message' })
})

const field = (bytes: number) => `["x","${'y'.repeat(bytes - 8)}"]`

test.each([
  ['was cut in mid-text', field(5000).slice(0, MAX_PAYLOAD_BYTES), 'cut'],
  ['was cut where it looks whole', field(MAX_PAYLOAD_BYTES), 'cut'],
  ['was cut so before a long character', field(WHOLE_PAYLOAD_BYTES + 1), 'cut'],
  ['is no list of fields', '{"a":"b"}', 'cut'],
  ['has no fields', '[]', 'cut'],
  ['is as long as a whole one can be', field(WHOLE_PAYLOAD_BYTES), 'message'],
])('a message that %s', async (_, payload, verdict) => {
  const id = await deadMessage(database, { payload })
  expect(await verdictOf(id)).toMatchObject({ verdict })
  const row = await letterRow(database, id)
  expect(row?.replayed_at === null).toBe(verdict === 'cut')
  expect(await audits(id)).toHaveLength(verdict === 'cut' ? 0 : 1)
})

test('a message of a stream that is not ours is not replayed', async () => {
  const id = await deadMessage(database, { stream: 'sys_dead_letters' })
  expect(await verdictOf(id)).toMatchObject({ verdict: 'no_stream', message: null })
  expect(await letterRow(database, id)).toMatchObject({ replayed_at: null })
})

test('without Redis a message is left as it is, and a task is replayed', async () => {
  const id = await deadMessage(database)
  const { failed: letters } = await failed(database)
  const rows = await database.run(replay([id, letters[0].letterId], { canRing: false }))
  expect(rows.map(({ verdict }) => verdict)).toEqual(['no_redis', 'task'])
  expect(await letterRow(database, id)).toMatchObject({ replayed_at: null })
  expect(await taskRow(database, letters[0].taskId)).toMatchObject({ status: 0 })
})

test('a replayed task is claimed at its new fence only', async () => {
  const { tasks, failed: letters } = await failed(database)
  await database.run(replay([letters[0].letterId]))
  const claim = (fence: number) =>
    database.run(claimTasksIfPending([claimOf(tasks[0]!, { fence })], HOLDER))
  expect(await claim(1)).toMatchObject([{ verdict: 'stale' }])
  expect(await claim(2)).toMatchObject([{ verdict: 'claimed' }])
})

test('of two replays of one task at the same moment the second finds it open', async () => {
  const batch = await failed(database)
  const { taskId, letterId } = batch.failed[0]
  const { first, second } = await race(database, replay([letterId]), replay([letterId]))
  expect([first[0]?.verdict, second[0]?.verdict]).toEqual(['task', 'open'])
  expect(await taskRow(database, taskId)).toMatchObject({ status: 0, fence: 2 })
  expect(await batchRow(database, batch.batchId)).toMatchObject({ open_tasks: 1, failed_tasks: 0 })
  expect(await audits(letterId)).toHaveLength(1)
})

test('a dead letter that is purged at the same moment is unknown, and its task is left alone', async () => {
  const { failed: letters } = await failed(database)
  const { taskId, letterId } = letters[0]
  const purge = { ids: [letterId], kind: null, olderThanDays: null, replayed: false }
  const { second } = await race(database, purgeDeadLetters(purge, 10, purger()), replay([letterId]))
  expect(second[0]?.verdict).toBe('unknown')
  expect(await taskRow(database, taskId)).toMatchObject({ status: 2 })
})

test('a replay that waits for its task has not locked its dead letter yet', async () => {
  const { failed: letters } = await failed(database)
  const { taskId, letterId } = letters[0]
  // So few that each of them is named: the statement has no need to look for others.
  await database.query('DELETE FROM dead_letters WHERE id <> $1', [letterId])
  const [holder, replayer] = [await openSession(database), await openSession(database)]
  await holder.query('BEGIN')
  await holder.query('SELECT FROM tasks WHERE id = $1 FOR UPDATE', [taskId])
  const replaying = replayer.run(replay([letterId]))
  await untilWaiting(database, replayer, replaying)
  const free = 'SELECT id FROM dead_letters WHERE id = $1 FOR UPDATE SKIP LOCKED'
  expect(await database.query(free, [letterId])).toEqual([{ id: letterId }])
  await holder.query('COMMIT')
  expect(await replaying).toMatchObject([{ verdict: 'task' }])
})

test('replays that name the same tasks in opposite orders do not deadlock', async () => {
  const { failed: letters } = await failed(database, 3)
  const letterOf = new Map(letters.map(({ taskId, letterId }) => [taskId, letterId]))
  await provesOrderOfLocks(database, {
    tasks: letters.map(({ taskId }) => taskId),
    statement: (ids) => replay(ids.map((id) => letterOf.get(id)!)),
  })
})

test('replays of the same messages in opposite orders do not deadlock, nor with a purge', async () => {
  const ids: string[] = []
  for (let i = 0; i < 3; i++) ids.push(await deadMessage(database))
  const [a, b, c] = ids.sort() as [string, string, string]
  const [gate, one, two] = [
    await openSession(database),
    await openSession(database),
    await openSession(database),
  ]
  const purge = (ids: string[]) =>
    purgeDeadLetters({ ids, kind: null, olderThanDays: null, replayed: false }, 10, purger())
  for (const second of [replay([a, c, b]), purge([a, c, b])]) {
    await gate.query('BEGIN')
    await gate.query('SELECT FROM dead_letters WHERE id = $1 FOR UPDATE', [c])
    const first = one.run(replay([b, c, a]))
    await untilWaiting(database, one, first)
    const other = two.run<unknown>(second)
    await untilWaiting(database, two, other)
    await gate.query('COMMIT')
    const ends = await Promise.allSettled([first, other])
    expect(ends.map((end) => (end.status === 'rejected' ? end.reason.code : 'done'))).toEqual([
      'done',
      'done',
    ])
  }
})
