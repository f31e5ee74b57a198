import { expect } from 'vitest'
import type { Statement } from '../../drizzle/statements/statement.ts'
import { openSession, untilWaiting } from './session.ts'

/**
 * Proves that a statement locks its rows by id (or by another key), whatever order they are named in. A gate holds the
 * last of three rows by id while two statements name them as B C A and A C B. By id, the first
 * holds A and B and waits at the gate, and the second waits for the first. In the order named, the
 * first would hold B and the second A, and each would want the other's: a deadlock, every time.
 */
export async function provesOrderOfLocks(
  database: { readonly url: string },
  {
    tasks,
    table = 'tasks',
    key = 'id',
    statement,
    other = statement,
  }: {
    /** The ids of the three: of tasks, or the keys in another table where that is named. */
    tasks: string[]
    table?: 'tasks' | 'gemini_service_nodes' | 'files'
    key?: 'id' | 'sha256'
    statement(ids: string[]): Statement<unknown>
    /** What the second of the two runs, where it is another statement. */
    other?(ids: string[]): Statement<unknown>
  },
): Promise<void> {
  const [a, b, c] = tasks.toSorted() as [string, string, string]
  const gate = await openSession(database)
  const one = await openSession(database)
  const two = await openSession(database)
  await gate.query('BEGIN')
  await gate.query(`SELECT FROM ${table} WHERE ${key} = $1 FOR UPDATE`, [c])
  const first = one.run(statement([b, c, a]))
  await untilWaiting(database, one, first)
  const second = two.run(other([a, c, b]))
  await untilWaiting(database, two, second)
  await gate.query('COMMIT')
  const ends = await Promise.allSettled([first, second])
  expect(ends.map((end) => (end.status === 'rejected' ? end.reason.code : 'done'))).toEqual([
    'done',
    'done',
  ])
}
