import { expect, test } from 'vitest'
import { cancelTasksIfOpen } from '../../drizzle/statements/cancel-tasks-if-open.ts'
import { finishTasksIfHeld } from '../../drizzle/statements/finish-tasks-if-held.ts'
import { savePartialsIfHeld } from '../../drizzle/statements/save-partials-if-held.ts'
import { provesOrderOfLocks } from '../setup/opposite-orders.ts'
import { openSession, race, untilWaiting } from '../setup/session.ts'
import {
  batchRow,
  claimed,
  failure,
  next,
  processing,
  submitted,
  success,
  taskRow,
} from '../setup/task-states.ts'
import { useDatabase } from '../setup/use-database.ts'

const MODEL = 'qwen3:1.7b'
const TWO = [MODEL, MODEL]
const database = useDatabase()

const cancel = (taskIds: string[]) => cancelTasksIfOpen('local', { taskIds })

test('a task that waits ends CANCELLED at a new fence, and is returned', async () => {
  const { tasks } = await submitted(database, [MODEL])
  const id = tasks[0]!.id
  await database.query(
    "UPDATE tasks SET waiting_since = now(), run_after = now() + interval '1 h' WHERE id = $1",
    [id],
  )
  expect(await database.run(cancel([id]))).toEqual([{ id, fence: 1 }])
  const row = await taskRow(
    database,
    id,
    "*, finished_at > now() - interval '1 min' AS finished_now",
  )
  expect(row).toMatchObject({ status: 4, fence: 1, waiting_since: null, finished_now: true })
  expect(row).toMatchObject({ response_text: null, error_code: null })
})

test('a task that runs ends CANCELLED, and its worker cannot finish it any more', async () => {
  const { batchId, held } = await processing(database, [MODEL])
  const id = held[0].taskId
  expect(await database.run(cancel([id]))).toEqual([{ id, fence: 2 }])
  expect(await database.run(finishTasksIfHeld([success(held[0])]))).toEqual([])
  expect(await taskRow(database, id)).toMatchObject({
    status: 4,
    fence: 2,
    lease_expires_at: null,
    response_text: null,
  })
  expect(await batchRow(database, batchId)).toMatchObject({ status: 'CANCELLED' })
})

test('what was written so far is kept, and its partial text goes', async () => {
  const { held } = await processing(database, TWO)
  const ids = held.map(({ taskId }) => taskId)
  await database.run(
    savePartialsIfHeld([
      { ...held[0], responseText: 'So f', reasoningText: '' },
      { ...held[1]!, responseText: '', reasoningText: 'Hm' },
    ]),
  )
  await database.run(cancel(ids))
  expect(await taskRow(database, ids[0]!)).toMatchObject({
    response_text: 'So f',
    reasoning_text: null,
  })
  expect(await taskRow(database, ids[1]!)).toMatchObject({
    response_text: null,
    reasoning_text: 'Hm',
  })
  const left = 'SELECT FROM task_partials WHERE task_id = ANY ($1)'
  expect(await database.query(left, [ids])).toEqual([])
})

test('the partial text of another task stays', async () => {
  const { held } = await processing(database, TWO)
  await database.run(
    savePartialsIfHeld([{ ...held[1]!, responseText: 'Not mine', reasoningText: '' }]),
  )
  await database.run(cancel([held[0].taskId]))
  const left = 'SELECT response_text FROM task_partials WHERE task_id = $1'
  expect(await database.query(left, [held[1]!.taskId])).toEqual([{ response_text: 'Not mine' }])
})

test('the text of a holder that has lost the task is not kept', async () => {
  const { held } = await processing(database, TWO)
  await database.run(
    savePartialsIfHeld(held.map((one) => ({ ...one, responseText: 'Old', reasoningText: 'Old' }))),
  )
  const [running, waiting] = held.map(({ taskId }) => taskId)
  await database.query('UPDATE tasks SET fence = 3 WHERE id = $1', [running])
  await database.query('UPDATE tasks SET status = 0, lease_expires_at = NULL WHERE id = $1', [
    waiting,
  ])
  await database.run(cancel([running!, waiting!]))
  const none = { status: 4, response_text: null, reasoning_text: null }
  expect(await taskRow(database, running!)).toMatchObject(none)
  expect(await taskRow(database, waiting!)).toMatchObject(none)
})

test('the text saved last is kept, also while the cancel waited for the task', async () => {
  const { held } = await processing(database, [MODEL])
  const save = (responseText: string) =>
    savePartialsIfHeld([{ ...held[0], responseText, reasoningText: '' }])
  await database.run(save('So'))
  await race(database, save('So far'), cancel([held[0].taskId]))
  expect(await taskRow(database, held[0].taskId)).toMatchObject({ response_text: 'So far' })
})

test('what has ended is left as it is', async () => {
  const { batchId, held } = await processing(database, TWO)
  await database.run(finishTasksIfHeld([success(held[0]), failure(held[1]!)]))
  const before = await database.query('SELECT * FROM tasks WHERE batch_id = $1', [batchId])
  expect(await database.run(cancelTasksIfOpen('local', { batchId }))).toEqual([])
  const after = await database.query('SELECT * FROM tasks WHERE batch_id = $1', [batchId])
  expect(after).toEqual(before)
  expect(await batchRow(database, batchId)).toMatchObject({ status: 'PARTIAL', cancelled_tasks: 0 })
})

test('a batch is cancelled whole, whatever its tasks do, and no other of its conversation', async () => {
  const batch = await processing(database, [MODEL, MODEL, MODEL])
  const other = await submitted(database, [MODEL], next(batch))
  await database.run(finishTasksIfHeld([success(batch.held[0])]))
  await database.query('UPDATE tasks SET status = 0, lease_expires_at = NULL WHERE id = $1', [
    batch.tasks[1]!.id,
  ])
  const rows = await database.run(cancelTasksIfOpen('local', { batchId: batch.batchId }))
  expect(rows.map(({ id }) => id).sort()).toEqual([batch.tasks[1]!.id, batch.tasks[2]!.id].sort())
  const row = await batchRow(database, batch.batchId)
  expect(row).toMatchObject({
    status: 'PARTIAL',
    open_tasks: 0,
    success_tasks: 1,
    cancelled_tasks: 2,
  })
  expect(row?.finished_at).toBeInstanceOf(Date)
  expect(await taskRow(database, other.tasks[0]!.id)).toMatchObject({ status: 0 })
})

test('one task of a batch is cancelled, and the batch goes on', async () => {
  const { batchId, tasks } = await submitted(database, TWO)
  await database.run(cancel([tasks[0]!.id]))
  expect(await taskRow(database, tasks[1]!.id)).toMatchObject({ status: 0, fence: 0 })
  expect(await batchRow(database, batchId)).toMatchObject({
    status: 'PROCESSING',
    open_tasks: 1,
    cancelled_tasks: 1,
    finished_at: null,
  })
})

test('the tasks of another owner are not cancelled, by their ids or by their batch', async () => {
  const { batchId, tasks } = await submitted(database, [MODEL], { owner: 'somebody' })
  expect(await database.run(cancel([tasks[0]!.id]))).toEqual([])
  expect(await database.run(cancelTasksIfOpen('local', { batchId }))).toEqual([])
  expect(await taskRow(database, tasks[0]!.id)).toMatchObject({ status: 0, fence: 0 })
})

test('a cancelled task is claimed by nobody: its message is stale', async () => {
  const batch = await submitted(database, [MODEL])
  await database.run(cancel([batch.tasks[0]!.id]))
  await expect(claimed(database, batch)).rejects.toThrow(/could not be claimed/)
})

test('a task that finishes at the same moment is not cancelled', async () => {
  const { batchId, held } = await processing(database, [MODEL])
  const { second } = await race(
    database,
    finishTasksIfHeld([success(held[0])]),
    cancel([held[0].taskId]),
  )
  expect(second).toEqual([])
  expect(await batchRow(database, batchId)).toMatchObject({
    status: 'COMPLETED',
    success_tasks: 1,
    cancelled_tasks: 0,
  })
})

test('a finish that meets a cancel changes nothing', async () => {
  const { batchId, held } = await processing(database, [MODEL])
  const { second } = await race(
    database,
    cancel([held[0].taskId]),
    finishTasksIfHeld([success(held[0])]),
  )
  expect(second).toEqual([])
  expect(await batchRow(database, batchId)).toMatchObject({ status: 'CANCELLED', success_tasks: 0 })
})

test('cancels that name the same tasks in opposite orders do not deadlock', async () => {
  const { held } = await processing(database, [MODEL, MODEL, MODEL])
  await provesOrderOfLocks(database, { tasks: held.map(({ taskId }) => taskId), statement: cancel })
})

test('a cancel of a batch and a finish in any order do not deadlock', async () => {
  const { batchId, held } = await processing(database, [MODEL, MODEL, MODEL])
  await provesOrderOfLocks(database, {
    tasks: held.map(({ taskId }) => taskId),
    statement: (ids) => finishTasksIfHeld(ids.map((taskId) => success({ taskId, fence: 1 }))),
    other: () => cancelTasksIfOpen('local', { batchId }),
  })
})

test('cancels and finishes of the same batches do not deadlock on them', async () => {
  // In an order of chance, half of such rounds deadlock.
  for (let round = 0; round < 12; round++) {
    const batches: Awaited<ReturnType<typeof processing>>[] = []
    for (let i = 0; i < 8; i++) batches.push(await processing(database, TWO))
    const [gate, one, two] = [
      await openSession(database),
      await openSession(database),
      await openSession(database),
    ]
    await gate.query('BEGIN')
    await gate.query('SELECT FROM batches WHERE id = $1 FOR UPDATE', [batches[5]!.batchId])
    const first = one.run(finishTasksIfHeld(batches.map(({ held }) => success(held[0]))))
    await untilWaiting(database, one, first)
    const second = two.run(cancel(batches.map(({ held }) => held[1]!.taskId)))
    await untilWaiting(database, two, second)
    await gate.query('COMMIT')
    const ends = await Promise.allSettled([first, second])
    expect(ends.map((end) => (end.status === 'rejected' ? end.reason.code : 'done'))).toEqual([
      'done',
      'done',
    ])
  }
})
