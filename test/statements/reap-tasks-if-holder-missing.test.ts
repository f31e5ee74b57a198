import { beforeEach, expect, test } from 'vitest'
import { claimTasksIfPending } from '../../drizzle/statements/claim-tasks-if-pending.ts'
import { finishTasksIfHeld } from '../../drizzle/statements/finish-tasks-if-held.ts'
import { reapTasksIfHolderMissing } from '../../drizzle/statements/reap-tasks-if-holder-missing.ts'
import { renewLeasesIfHeld } from '../../drizzle/statements/renew-leases-if-held.ts'
import { TRACEPARENT } from '../setup/new-batch.ts'
import { openSession } from '../setup/session.ts'
import { holdKey, newKey } from '../setup/session-locks.ts'
import { batchRow, claimOf, HOLDER, submitted, success, taskRow } from '../setup/task-states.ts'
import { useDatabase } from '../setup/use-database.ts'

const MODEL = 'qwen3:1.7b'
/** Shorter than the server has been up. */
const LEASE_MS = 1
const database = useDatabase()

beforeEach(async () => {
  await database.query('DELETE FROM conversations')
})

/** Tasks that a holder runs, which were last renewed some time ago. */
async function runBy(workerKey: bigint, { watched = true, count = 1, renewedAgoMs = 1_200 } = {}) {
  const batch = await submitted(database, Array(count).fill(MODEL))
  const claims = batch.tasks.map((task) => claimOf(task))
  await database.run(claimTasksIfPending(claims, { ...HOLDER, workerKey, watched }))
  await database.query(
    "UPDATE tasks SET lease_expires_at = now() + $1::integer * interval '1 ms' WHERE batch_id = $2",
    [LEASE_MS - renewedAgoMs, batch.batchId],
  )
  return { batchId: batch.batchId, ids: batch.tasks.map(({ id }) => id) }
}

async function reaped(keys: bigint[], limit = 10, leaseMs = LEASE_MS): Promise<string[]> {
  const rows = await database.run(reapTasksIfHolderMissing(keys.map(String), leaseMs, limit))
  return rows.map(({ task_id }) => task_id).toSorted()
}

test('the task of a dead holder is PENDING at a new fence, and tells how to ring it', async () => {
  const key = newKey()
  const session = await holdKey(database, key)
  const { batchId, ids } = await runBy(key)
  await database.query("UPDATE tasks SET rung_at = now() - interval '1 h'")
  await session.die()
  expect(await database.run(reapTasksIfHolderMissing([String(key)], LEASE_MS, 10))).toEqual([
    { task_id: ids[0], fence: 2, family: 'qwen', traceparent: TRACEPARENT },
  ])
  const row = await taskRow(
    database,
    ids[0]!,
    "*, rung_at > now() - interval '1 min' AS rung_now, run_after <= now() AS due",
  )
  expect(row).toMatchObject({
    status: 0,
    fence: 2,
    deaths: 1,
    child_deaths: 0,
    failures: 0,
    lease_expires_at: null,
    worker_id: null,
    worker_key: null,
    watched: false,
    rung_now: true,
    due: true,
  })
  expect(await batchRow(database, batchId)).toMatchObject({ open_tasks: 1, status: 'PROCESSING' })
})

test('a holder that is back keeps its tasks, though it was missing before', async () => {
  const key = newKey()
  await holdKey(database, key)
  const { ids } = await runBy(key)
  expect(await reaped([key])).toEqual([])
  expect(await taskRow(database, ids[0]!)).toMatchObject({ status: 3, fence: 1, deaths: 0 })
})

test('a holder that goes on renewing keeps its tasks, though its lock is gone', async () => {
  const key = newKey()
  const { ids } = await runBy(key, { renewedAgoMs: 500 })
  expect(await reaped([key])).toEqual([])
  expect(await taskRow(database, ids[0]!)).toMatchObject({ status: 3, fence: 1, deaths: 0 })
})

test('a holder that has missed one renewal keeps its tasks, though its lock is gone', async () => {
  const key = newKey()
  const { ids } = await runBy(key, { renewedAgoMs: 1_000 })
  expect(await reaped([key])).toEqual([])
  expect(await taskRow(database, ids[0]!)).toMatchObject({ status: 3, fence: 1, deaths: 0 })
})

test('only the tasks of the holders that are named are taken', async () => {
  const [dead, alsoDead, unnamed] = [newKey(), newKey(), newKey()]
  const first = await runBy(dead)
  const second = await runBy(alsoDead)
  await runBy(unnamed)
  expect(await reaped([dead, alsoDead])).toEqual([...first.ids, ...second.ids].toSorted())
})

test('a task that was claimed without the lock lives by its lease', async () => {
  const key = newKey()
  const { ids } = await runBy(key, { watched: false })
  const { ids: watched } = await runBy(key)
  expect(await reaped([key])).toEqual(watched)
  expect(await taskRow(database, ids[0]!)).toMatchObject({ status: 3, fence: 1 })
})

test('a task that has ended stays so', async () => {
  const key = newKey()
  const { ids } = await runBy(key)
  await database.run(finishTasksIfHeld([success({ taskId: ids[0]!, fence: 1 })]))
  expect(await reaped([key])).toEqual([])
  expect(await taskRow(database, ids[0]!)).toMatchObject({ status: 1, fence: 1 })
})

test('nothing is reaped within one lease of the start of the server', async () => {
  const key = newKey()
  await runBy(key)
  const [server] = await database.query(
    'SELECT ceil(extract(epoch FROM now() - pg_postmaster_start_time()) * 1000)::int AS up_ms',
  )
  expect(await reaped([key], 10, server?.up_ms + 60_000)).toEqual([])
})

test('no more than the limit is reaped at a time', async () => {
  const key = newKey()
  await runBy(key, { count: 5 })
  expect(await reaped([key], 3)).toHaveLength(3)
  expect(await reaped([key], 3)).toHaveLength(2)
})

test('a task that its holder renews at the moment is left alone, and nobody waits for it', async () => {
  const key = newKey()
  const { ids } = await runBy(key, { count: 2 })
  const [worker, reaper] = [await openSession(database), await openSession(database)]
  await worker.query('BEGIN')
  const held = [{ taskId: ids[0]!, fence: 1 }]
  await worker.run(renewLeasesIfHeld(held, { leaseMs: 60_000, watched: true }))
  await reaper.query("SET lock_timeout = '1 s'")
  const rows = await reaper.run(reapTasksIfHolderMissing([String(key)], LEASE_MS, 10))
  expect(rows.map(({ task_id }) => task_id)).toEqual([ids[1]])
  await worker.query('COMMIT')
  expect(await taskRow(database, ids[0]!)).toMatchObject({ status: 3, fence: 1, deaths: 0 })
})

test('a holder whose task was reaped cannot finish it', async () => {
  const key = newKey()
  const { ids } = await runBy(key)
  await reaped([key])
  const late = success({ taskId: ids[0]!, fence: 1 })
  expect(await database.run(finishTasksIfHeld([late]))).toEqual([])
})
