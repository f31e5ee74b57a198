import { expect, test } from 'vitest'
import { takeSessionLock } from '../../drizzle/statements/take-session-lock.ts'
import { openSession } from '../setup/session.ts'
import { holdKey, newKey } from '../setup/session-locks.ts'
import { useDatabase } from '../setup/use-database.ts'

const database = useDatabase()

test('a key that nobody holds is taken, and can then be had by no other session', async () => {
  const key = newKey()
  const worker = await holdKey(database, key)
  expect(worker.taken).toBe(true)
  expect((await holdKey(database, key)).taken).toBe(false)
})

test('nobody waits for a key', async () => {
  const key = newKey()
  await holdKey(database, key)
  const late = await openSession(database)
  await late.query("SET lock_timeout = '1 s'")
  expect(await late.run(takeSessionLock(key))).toEqual([{ taken: false }])
})

test('a key outlives the transaction that took it', async () => {
  const key = newKey()
  const worker = await openSession(database)
  await worker.query('BEGIN')
  await worker.run(takeSessionLock(key))
  await worker.query('COMMIT')
  expect((await holdKey(database, key)).taken).toBe(false)
})

test('the key of a session that has died can be taken', async () => {
  const key = newKey()
  const worker = await holdKey(database, key)
  await worker.die()
  expect((await holdKey(database, key)).taken).toBe(true)
})

test('keys are told apart by every bit', async () => {
  const key = newKey()
  await holdKey(database, key)
  const others = await Promise.all(
    [key ^ 1n, key ^ (1n << 31n), key ^ (1n << 32n), key ^ (1n << 62n)].map((other) =>
      holdKey(database, other),
    ),
  )
  expect(others.map(({ taken }) => taken)).toEqual([true, true, true, true])
})
