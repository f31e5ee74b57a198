import { expect, test } from 'vitest'
import { releaseTasksIfHeld } from '../../drizzle/statements/release-tasks-if-held.ts'
import { renewLeasesIfHeld } from '../../drizzle/statements/renew-leases-if-held.ts'
import { savePartialsIfHeld } from '../../drizzle/statements/save-partials-if-held.ts'
import { openSession } from '../setup/session.ts'
import { drained, processing, taskRow } from '../setup/task-states.ts'
import { useDatabase } from '../setup/use-database.ts'

const MODEL = 'qwen3:1.7b'
const LEASE = { leaseMs: 600_000, watched: false }
const LEFT = '*, extract(epoch FROM lease_expires_at - now())::float8 AS lease_s'
const database = useDatabase()

test('a held lease ends the given time from now, and is returned as held', async () => {
  const { held } = await processing(database, [MODEL, MODEL])
  const rows = await database.run(renewLeasesIfHeld(held, LEASE))
  expect(rows).toHaveLength(2)
  expect(rows).toContainEqual({ id: held[0].taskId, fence: 1 })
  const row = await taskRow(database, held[0].taskId, LEFT)
  expect(row).toMatchObject({ status: 3, fence: 1 })
  expect(row?.lease_s).toBeGreaterThan(590)
  expect(row?.lease_s).toBeLessThan(601)
})

test('a lease at an old fence is not renewed; the others are', async () => {
  const { held } = await processing(database, [MODEL, MODEL])
  await database.query('UPDATE tasks SET fence = 3 WHERE id = $1', [held[0].taskId])
  const rows = await database.run(renewLeasesIfHeld(held, LEASE))
  expect(rows).toEqual([{ id: held[1]!.taskId, fence: 1 }])
  const row = await taskRow(database, held[0].taskId, LEFT)
  expect(row?.lease_s).toBeLessThan(61)
})

test('a task that is not being processed has no lease to renew, at its own fence either', async () => {
  const { held } = await processing(database, [MODEL])
  await database.query('UPDATE tasks SET status = 0, lease_expires_at = NULL WHERE id = $1', [
    held[0].taskId,
  ])
  expect(await database.run(renewLeasesIfHeld(held, LEASE))).toEqual([])
  expect(await taskRow(database, held[0].taskId)).toMatchObject({ lease_expires_at: null })
})

test('a task that is locked at the moment is renewed the next time if it is held still; nobody waits', async () => {
  const { held } = await processing(database, [MODEL, MODEL])
  const [other, worker] = [await openSession(database), await openSession(database)]
  await other.query('BEGIN')
  await other.run(releaseTasksIfHeld(drained([held[0]])))
  await worker.query("SET lock_timeout = '1 s'")
  // Nobody can know yet whether it will be committed.
  expect(await worker.run(renewLeasesIfHeld(held, LEASE))).toHaveLength(2)
  await other.query('COMMIT')
  expect(await taskRow(database, held[0].taskId)).toMatchObject({ status: 0, fence: 2 })
  const row = await taskRow(database, held[1]!.taskId, LEFT)
  expect(row?.lease_s).toBeGreaterThan(590)
  expect(await worker.run(renewLeasesIfHeld(held, LEASE))).toEqual([
    { id: held[1]!.taskId, fence: 1 },
  ])
})

test('a task whose text is being saved at the moment is renewed all the same', async () => {
  const { held } = await processing(database, [MODEL])
  const [saver, worker] = [await openSession(database), await openSession(database)]
  await saver.query('BEGIN')
  await saver.run(savePartialsIfHeld([{ ...held[0], responseText: 'So far', reasoningText: '' }]))
  await worker.query("SET lock_timeout = '1 s'")
  await worker.run(renewLeasesIfHeld(held, LEASE))
  await saver.query('COMMIT')
  const row = await taskRow(database, held[0].taskId, LEFT)
  expect(row?.lease_s).toBeGreaterThan(590)
})

test('a renewal notes whether its worker holds its session lock', async () => {
  const { held } = await processing(database, [MODEL])
  const watched = async (now: boolean) => {
    await database.run(renewLeasesIfHeld(held, { ...LEASE, watched: now }))
    return taskRow(database, held[0].taskId, 'watched')
  }
  expect(await watched(true)).toEqual({ watched: true })
  expect(await watched(false)).toEqual({ watched: false })
})
