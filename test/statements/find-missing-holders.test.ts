import { beforeEach, expect, test } from 'vitest'
import { claimTasksIfPending } from '../../drizzle/statements/claim-tasks-if-pending.ts'
import { findMissingHolders } from '../../drizzle/statements/find-missing-holders.ts'
import { finishTasksIfHeld } from '../../drizzle/statements/finish-tasks-if-held.ts'
import { openSession } from '../setup/session.ts'
import { holdKey, newKey } from '../setup/session-locks.ts'
import { claimOf, HOLDER, submitted, success } from '../setup/task-states.ts'
import { useDatabase } from '../setup/use-database.ts'

const MODEL = 'qwen3:1.7b'
const database = useDatabase()

beforeEach(async () => {
  await database.query('DELETE FROM conversations')
})

/** Tasks that the holder of a key runs. Gives their ids. */
async function runBy(workerKey: bigint, { watched = true, count = 1 } = {}): Promise<string[]> {
  const { tasks } = await submitted(database, Array(count).fill(MODEL))
  const claims = tasks.map((task) => claimOf(task))
  await database.run(claimTasksIfPending(claims, { ...HOLDER, workerKey, watched }))
  return tasks.map(({ id }) => id)
}

async function look() {
  const rows = await database.run(findMissingHolders())
  expect(rows).toHaveLength(1)
  return rows[0]!
}

test('a holder whose session is there is present, whole to the last bit of its key', async () => {
  const key = newKey()
  await holdKey(database, key)
  await runBy(key)
  expect(await look()).toEqual({ missing: [], present: [String(key)] })
})

test('a holder whose session has ended is missing', async () => {
  const [dead, living] = [newKey(), newKey()]
  const session = await holdKey(database, dead)
  await holdKey(database, living)
  await runBy(dead)
  await runBy(living)
  await session.die()
  expect(await look()).toEqual({ missing: [String(dead)], present: [String(living)] })
})

test('a holder of many tasks is missing once', async () => {
  const key = newKey()
  await runBy(key, { count: 3 })
  await runBy(key)
  expect(await look()).toEqual({ missing: [String(key)], present: [] })
})

test('who is present need not run anything', async () => {
  const key = newKey()
  await holdKey(database, key)
  expect(await look()).toEqual({ missing: [], present: [String(key)] })
})

test('a holder that had no lock when it claimed is never missing', async () => {
  await runBy(newKey(), { watched: false })
  expect(await look()).toEqual({ missing: [], present: [] })
})

test('who ran only what has ended is not missing', async () => {
  const [taskId] = await runBy(newKey())
  await database.run(finishTasksIfHeld([success({ taskId: taskId!, fence: 1 })]))
  expect(await look()).toEqual({ missing: [], present: [] })
})

test('a lock of the same key in another database does not count', async () => {
  const key = newKey()
  const elsewhere = new URL(database.url)
  elsewhere.pathname = '/postgres'
  expect((await holdKey({ url: elsewhere.href }, key)).taken).toBe(true)
  await runBy(key)
  expect(await look()).toEqual({ missing: [String(key)], present: [] })
})

test('a lock on a pair of numbers is not one on the key that they would make', async () => {
  const key = 7n * 2n ** 32n + 9n
  const session = await openSession(database)
  await session.query('SELECT pg_advisory_lock(7, 9)')
  await runBy(key)
  expect(await look()).toEqual({ missing: [String(key)], present: [] })
})
