import type { Statement } from './statement.ts'

/**
 * Holds a key as an advisory lock until the session ends. `taken` is false where another session has
 * it: one of the same process that the server has not given up yet.
 */
export function takeSessionLock(key: bigint): Statement<{ taken: boolean }> {
  return {
    name: 'take-session-lock',
    text: 'SELECT pg_try_advisory_lock($1::bigint) AS taken',
    params: [String(key)],
  }
}
