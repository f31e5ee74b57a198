import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { onTestFinished } from 'vitest'
import type { Statement } from '../../drizzle/statements/statement.ts'

type Database = { readonly url: string }

/** One connection, with transactions of the test's own making. */
export type Session = {
  pid: number
  query(text: string, values?: unknown[]): Promise<pg.QueryResult>
  run<Row>(statement: Statement<Row>): Promise<Row[]>
}

/** Opens a connection that ends with the test. */
export async function openSession(database: Database): Promise<Session> {
  const client = new pg.Client({ connectionString: database.url })
  client.on('error', () => {})
  await client.connect()
  onTestFinished(() => client.end())
  const { rows } = await client.query('SELECT pg_backend_pid() AS pid')
  return {
    pid: rows[0].pid,
    query: (text, values) => client.query(text, values),
    run: async ({ text, params }) => (await client.query(text, params)).rows,
  }
}

/** Resolves once the session waits for a lock; fails when what it waits in ends without waiting. */
export async function untilWaiting(database: Database, waiter: Session, work: Promise<unknown>) {
  let ended = false
  const end = () => {
    ended = true
  }
  work.then(end, end)
  const observer = await openSession(database)
  for (;;) {
    const { rowCount } = await observer.query(
      "SELECT FROM pg_stat_activity WHERE pid = $1 AND wait_event_type = 'Lock'",
      [waiter.pid],
    )
    if (rowCount === 1) return
    if (ended) throw new Error('the second statement was to wait for the first, and did not')
    await sleep(5)
  }
}

/**
 * Two statements at the same moment: the first has run and is not committed while the second waits
 * for it; then the first commits. Gives the rows of both.
 */
export async function race<First, Second>(
  database: Database,
  first: Statement<First>,
  second: Statement<Second>,
): Promise<{ first: First[]; second: Second[] }> {
  const [one, two] = [await openSession(database), await openSession(database)]
  await one.query('BEGIN')
  const firstRows = await one.run(first)
  const secondRows = two.run(second)
  await untilWaiting(database, two, secondRows)
  await one.query('COMMIT')
  return { first: firstRows, second: await secondRows }
}

/**
 * A connection within one transaction, for which the database's `now()` stands still: a time that a
 * statement stores can be compared with it exactly. Nothing of it is kept after the test.
 */
export async function openMoment(database: Database): Promise<Session> {
  const session = await openSession(database)
  await session.query('BEGIN')
  return session
}
