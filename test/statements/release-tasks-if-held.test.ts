import { expect, test } from 'vitest'
import { finishTasksIfHeld } from '../../drizzle/statements/finish-tasks-if-held.ts'
import { releaseTasksIfHeld } from '../../drizzle/statements/release-tasks-if-held.ts'
import { TRACEPARENT } from '../setup/new-batch.ts'
import { provesOrderOfLocks } from '../setup/opposite-orders.ts'
import { race } from '../setup/session.ts'
import { batchRow, drained, processing, success, taskRow } from '../setup/task-states.ts'
import { useDatabase } from '../setup/use-database.ts'

const MODEL = 'qwen3:1.7b'
const database = useDatabase()

test('a released task is PENDING at a new fence, due and rung now, and tells how to ring it', async () => {
  const { held } = await processing(database, [MODEL])
  const id = held[0].taskId
  await database.query(
    "UPDATE tasks SET rung_at = now() - interval '1 h', run_after = now() - interval '1 h' WHERE id = $1",
    [id],
  )
  expect(await database.run(releaseTasksIfHeld(drained(held)))).toEqual([
    { task_id: id, fence: 2, family: 'qwen', traceparent: TRACEPARENT },
  ])
  const row = await taskRow(
    database,
    id,
    "*, rung_at > now() - interval '1 min' AS rung_now, run_after <= now() AS due",
  )
  expect(row).toMatchObject({
    status: 0,
    fence: 2,
    lease_expires_at: null,
    worker_id: null,
    worker_key: null,
    rung_now: true,
    due: true,
  })
})

test('a release counts neither as a failure nor as a death, and leaves the batch as it is', async () => {
  const { batchId, held } = await processing(database, [MODEL])
  await database.run(releaseTasksIfHeld(drained(held)))
  expect(await taskRow(database, held[0].taskId)).toMatchObject({
    failures: 0,
    deaths: 0,
    attempt: 1,
  })
  expect(await batchRow(database, batchId)).toMatchObject({ open_tasks: 1, status: 'PROCESSING' })
})

test('an old fence releases nothing', async () => {
  const { held } = await processing(database, [MODEL])
  await database.query('UPDATE tasks SET fence = 3 WHERE id = $1', [held[0].taskId])
  expect(await database.run(releaseTasksIfHeld(drained(held)))).toEqual([])
  expect(await taskRow(database, held[0].taskId)).toMatchObject({ status: 3, fence: 3 })
})

test('a task that is not being processed is not released, at its own fence either', async () => {
  const { held } = await processing(database, [MODEL])
  await database.query('UPDATE tasks SET status = 0, lease_expires_at = NULL WHERE id = $1', [
    held[0].taskId,
  ])
  expect(await database.run(releaseTasksIfHeld(drained(held)))).toEqual([])
  expect(await taskRow(database, held[0].taskId)).toMatchObject({ status: 0, fence: 1 })
})

test('a task that finishes at the same moment is not released', async () => {
  const { batchId, held } = await processing(database, [MODEL])
  const { second } = await race(
    database,
    finishTasksIfHeld([success(held[0])]),
    releaseTasksIfHeld(drained(held)),
  )
  expect(second).toEqual([])
  expect(await taskRow(database, held[0].taskId)).toMatchObject({ status: 1, fence: 1 })
  expect(await batchRow(database, batchId)).toMatchObject({ status: 'COMPLETED' })
})

test('releases that name the same tasks in opposite orders do not deadlock', async () => {
  const { held } = await processing(database, [MODEL, MODEL, MODEL])
  await provesOrderOfLocks(database, {
    tasks: held.map(({ taskId }) => taskId),
    statement: (ids) => releaseTasksIfHeld(drained(ids.map((taskId) => ({ taskId, fence: 1 })))),
  })
})
