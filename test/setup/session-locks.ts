import { takeSessionLock } from '../../drizzle/statements/take-session-lock.ts'
import { openSession } from './session.ts'

/** A session that holds a key, as a watched worker does. */
export type KeyHolder = { taken: boolean; die(): Promise<void> }

let last = 0n

/** A key of 63 bits, another one each time, whose halves both make the most of their bits. */
export function newKey(): bigint {
  last += 1n
  return (0x7fff_0000n << 32n) + 0xffff_0000n + last
}

/** Takes a key as a lock in a session of its own, which ends with the test where it has not died. */
export async function holdKey(database: { readonly url: string }, key: bigint): Promise<KeyHolder> {
  const session = await openSession(database)
  const [row] = await session.run(takeSessionLock(key))
  return {
    taken: row!.taken,
    async die() {
      const other = await openSession(database)
      // Resolves once the session, and with it the lock, is gone.
      await other.query('SELECT pg_terminate_backend($1, 10000)', [session.pid])
    },
  }
}
