import { beforeEach, expect, test } from 'vitest'
import { finishTasksIfHeld } from '../../drizzle/statements/finish-tasks-if-held.ts'
import { reapTasksIfExpired } from '../../drizzle/statements/reap-tasks-if-expired.ts'
import { renewLeasesIfHeld } from '../../drizzle/statements/renew-leases-if-held.ts'
import { TRACEPARENT } from '../setup/new-batch.ts'
import { openSession } from '../setup/session.ts'
import { batchRow, processing, success, taskRow } from '../setup/task-states.ts'
import { useDatabase } from '../setup/use-database.ts'

const MODEL = 'qwen3:1.7b'
/** Shorter than the server has been up. */
const LEASE_MS = 1
const database = useDatabase()

beforeEach(async () => {
  await database.query('DELETE FROM conversations')
})

/** Tasks whose worker has been silent for longer than their lease. */
async function expired(count: number) {
  const batch = await processing(database, Array(count).fill(MODEL))
  await database.query(
    "UPDATE tasks SET lease_expires_at = now() - interval '1 ms' WHERE batch_id = $1",
    [batch.batchId],
  )
  return batch
}

test('an expired task is PENDING at a new fence with one death more, and tells how to ring it', async () => {
  const { batchId, held } = await expired(1)
  const id = held[0].taskId
  await database.query(
    "UPDATE tasks SET rung_at = now() - interval '1 h', deaths = 1 WHERE id = $1",
    [id],
  )
  expect(await database.run(reapTasksIfExpired('now', LEASE_MS, 10))).toEqual([
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
    deaths: 2,
    failures: 0,
    attempt: 1,
    lease_expires_at: null,
    worker_id: null,
    worker_key: null,
    rung_now: true,
    due: true,
  })
  expect(await batchRow(database, batchId)).toMatchObject({ open_tasks: 1, status: 'PROCESSING' })
})

test('a task whose lease still runs is left to its worker', async () => {
  const { held } = await processing(database, [MODEL])
  expect(await database.run(reapTasksIfExpired('now', LEASE_MS, 10))).toEqual([])
  expect(await taskRow(database, held[0].taskId)).toMatchObject({ status: 3, fence: 1, deaths: 0 })
})

test('a lease that ran out after the given moment is left to its worker', async () => {
  const { held } = await expired(1)
  const [row] = await database.query(
    "SELECT (lease_expires_at - interval '1 us')::text AS earlier FROM tasks WHERE id = $1",
    [held[0].taskId],
  )
  expect(await database.run(reapTasksIfExpired(row!.earlier, LEASE_MS, 10))).toEqual([])
  expect(await taskRow(database, held[0].taskId)).toMatchObject({ status: 3, fence: 1, deaths: 0 })
})

test('nothing is reaped within one lease of the start of the server', async () => {
  const { held } = await expired(1)
  const [server] = await database.query(
    'SELECT ceil(extract(epoch FROM now() - pg_postmaster_start_time()) * 1000)::int AS up_ms',
  )
  expect(await database.run(reapTasksIfExpired('now', server?.up_ms + 60_000, 10))).toEqual([])
  expect(await taskRow(database, held[0].taskId)).toMatchObject({ status: 3, fence: 1 })
})

test('no more than the limit is reaped at a time', async () => {
  await expired(5)
  expect(await database.run(reapTasksIfExpired('now', LEASE_MS, 3))).toHaveLength(3)
  expect(await database.run(reapTasksIfExpired('now', LEASE_MS, 3))).toHaveLength(2)
})

test('a task whose lease is renewed at the moment is left alone, and nobody waits for it', async () => {
  const { held } = await expired(2)
  const [worker, reaper] = [await openSession(database), await openSession(database)]
  await worker.query('BEGIN')
  await worker.run(renewLeasesIfHeld([held[0]], { leaseMs: 60_000, watched: false }))
  await reaper.query("SET lock_timeout = '1 s'")
  const reaped = await reaper.run(reapTasksIfExpired('now', LEASE_MS, 10))
  expect(reaped.map(({ task_id }) => task_id)).toEqual([held[1]!.taskId])
  await worker.query('COMMIT')
  expect(await taskRow(database, held[0].taskId)).toMatchObject({ status: 3, fence: 1, deaths: 0 })
})

test('a worker whose task was reaped cannot finish it', async () => {
  const { held } = await expired(1)
  await database.run(reapTasksIfExpired('now', LEASE_MS, 10))
  expect(await database.run(finishTasksIfHeld([success(held[0])]))).toEqual([])
})
