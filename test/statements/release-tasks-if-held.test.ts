import { expect, test } from 'vitest'
import { finishTasksIfHeld } from '../../drizzle/statements/finish-tasks-if-held.ts'
import { type Release, releaseTasksIfHeld } from '../../drizzle/statements/release-tasks-if-held.ts'
import type { Held } from '../../drizzle/statements/renew-leases-if-held.ts'
import { savePartialsIfHeld } from '../../drizzle/statements/save-partials-if-held.ts'
import { TRACEPARENT } from '../setup/new-batch.ts'
import { provesOrderOfLocks } from '../setup/opposite-orders.ts'
import { openMoment, race } from '../setup/session.ts'
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
    { task_id: id, fence: 2, family: 'qwen', traceparent: TRACEPARENT, node_awaited: false },
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

const failed = (held: Held, afterMs: number): Release => ({ ...held, because: 'failed', afterMs })
const died = (held: Held, afterMs: number): Release => ({ ...held, because: 'died', afterMs })

test('a task whose call failed counts a failure, and is due later and not rung before', async () => {
  const { batchId, held } = await processing(database, [MODEL])
  const moment = await openMoment(database)
  expect(await moment.run(releaseTasksIfHeld([failed(held[0], 1_499.6)]))).toMatchObject([
    { task_id: held[0].taskId, fence: 2 },
  ])
  const { rows } = await moment.query(
    `SELECT status, fence, failures, deaths, child_deaths, rung_at, waiting_since,
       extract(epoch FROM run_after - now())::float8 AS due_in_s
     FROM tasks WHERE batch_id = $1`,
    [batchId],
  )
  expect(rows).toEqual([
    {
      status: 0,
      fence: 2,
      failures: 1,
      deaths: 0,
      child_deaths: 0,
      rung_at: null,
      waiting_since: null,
      due_in_s: 1.5,
    },
  ])
})

test('a task that ended its own process counts a death, and one that is its own', async () => {
  const { held } = await processing(database, [MODEL])
  await database.query('UPDATE tasks SET deaths = 2, failures = 1 WHERE id = $1', [held[0].taskId])
  await database.run(releaseTasksIfHeld([died(held[0], 1_000)]))
  expect(await taskRow(database, held[0].taskId)).toMatchObject({
    status: 0,
    failures: 1,
    deaths: 3,
    child_deaths: 1,
    rung_at: null,
  })
})

test('tasks handed back together each count what befell them', async () => {
  const { held } = await processing(database, [MODEL, MODEL, MODEL])
  const [one, two, three] = held as [Held, Held, Held]
  const moment = await openMoment(database)
  await moment.run(releaseTasksIfHeld([died(three, 3_000), ...drained([one]), failed(two, 2_000)]))
  const { rows } = await moment.query(
    `SELECT failures, child_deaths, rung_at = now() AS rung_now,
       extract(epoch FROM run_after - now())::float8 AS due_in_s
     FROM tasks WHERE id = ANY ($1) ORDER BY position`,
    [held.map(({ taskId }) => taskId)],
  )
  expect(rows).toEqual([
    { failures: 0, child_deaths: 0, rung_now: true, due_in_s: 0 },
    { failures: 1, child_deaths: 0, rung_now: null, due_in_s: 2 },
    { failures: 0, child_deaths: 1, rung_now: null, due_in_s: 3 },
  ])
})

test('each task is to be rung with the trace of its own batch', async () => {
  const traces = [TRACEPARENT, TRACEPARENT.replace('b7ad', '0000')]
  const batches = await Promise.all(
    traces.map((traceparent) => processing(database, [MODEL], { traceparent })),
  )
  const held = batches.map((batch) => batch.held[0])
  const rows = await database.run(releaseTasksIfHeld(drained(held)))
  const traceOf = new Map(rows.map(({ task_id, traceparent }) => [task_id, traceparent]))
  expect(held.map(({ taskId }) => traceOf.get(taskId))).toEqual(traces)
})

test('what is not held any more counts nothing', async () => {
  const { held } = await processing(database, [MODEL])
  await database.query('UPDATE tasks SET fence = 3 WHERE id = $1', [held[0].taskId])
  expect(await database.run(releaseTasksIfHeld([failed(held[0], 0), died(held[0], 0)]))).toEqual([])
  expect(await taskRow(database, held[0].taskId)).toMatchObject({ failures: 0, deaths: 0 })
})

test('a task that is handed back is watched by nobody', async () => {
  const { held } = await processing(database, [MODEL])
  await database.query('UPDATE tasks SET watched = true WHERE id = $1', [held[0].taskId])
  await database.run(releaseTasksIfHeld(drained(held)))
  expect(await taskRow(database, held[0].taskId)).toMatchObject({ watched: false })
})

test('a release removes the text of the call so far, and nobody else’s', async () => {
  const { held } = await processing(database, [MODEL, MODEL, MODEL])
  const [released, kept, lost] = held as [Held, Held, Held]
  await database.run(
    savePartialsIfHeld(held.map((one) => ({ ...one, responseText: 'So f', reasoningText: '' }))),
  )
  await database.query('UPDATE tasks SET fence = 3 WHERE id = $1', [lost.taskId])
  await database.run(releaseTasksIfHeld(drained([released, lost])))
  const left = await database.query<{ task_id: string }>(
    'SELECT task_id FROM task_partials WHERE task_id = ANY ($1) ORDER BY task_id',
    [held.map(({ taskId }) => taskId)],
  )
  expect(left.map(({ task_id }) => task_id)).toEqual([kept.taskId, lost.taskId].toSorted())
})
