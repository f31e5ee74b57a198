import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { type Services, useServices } from './use-services.ts'

/** A database of one test file. */
export type TestDatabase = {
  url: string
  query<Row extends pg.QueryResultRow>(text: string, values?: unknown[]): Promise<Row[]>
  /** Closes its pool and drops the database. Fails when something else is still connected. */
  drop(): Promise<void>
}

/**
 * Clones the template, or makes an empty database. A test that leaks a connection fails when it
 * drops it.
 */
export async function createDatabase({
  empty = false,
  services,
}: {
  empty?: boolean
  /** The servers to make it on; without them, those of this run. */
  services?: Pick<Services, 'templateUrl'>
} = {}): Promise<TestDatabase> {
  const { templateUrl } = services ?? (await useServices())
  const template = new URL(templateUrl)
  const onServer = (statement: string) => runOnServer(templateUrl, statement)
  const name = `test_${randomBytes(6).toString('hex')}`
  const origin = empty ? 'template0' : template.pathname.slice(1)
  await onServer(`CREATE DATABASE ${name} TEMPLATE ${origin}`)
  const url = new URL(template)
  url.pathname = `/${name}`
  const pool = new pg.Pool({ connectionString: url.href, max: 4 })
  pool.on('error', () => {})
  return {
    url: url.href,
    query: async <Row extends pg.QueryResultRow>(text: string, values?: unknown[]) =>
      (await pool.query<Row>(text, values)).rows,
    async drop() {
      await pool.end()
      await onServer(`DROP DATABASE ${name}`)
    },
  }
}

/** Runs a statement on the server's own database. Retries while a clone is being made of it. */
async function runOnServer(templateUrl: string, statement: string): Promise<void> {
  const url = new URL(templateUrl)
  url.pathname = '/postgres'
  for (let attempt = 1; ; attempt++) {
    const client = new pg.Client({ connectionString: url.href })
    // Its query fails where the server goes; the end of the connection is no news on top of that.
    client.on('error', () => {})
    await client.connect()
    try {
      await client.query(statement)
      return
    } catch (error) {
      // 55006: the database is in use — by another clone, or by a connection that is just closing.
      if ((error as { code?: string }).code !== '55006' || attempt === 20) throw error
      await new Promise((resolve) => setTimeout(resolve, 100))
    } finally {
      await client.end()
    }
  }
}
