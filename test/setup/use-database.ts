import type { QueryResultRow } from 'pg'
import { afterAll, beforeAll } from 'vitest'
import type { PostgresDoor } from '../../drizzle/statements/statement.ts'
import { type NativePostgres, openPostgres } from '../../workers-node/postgres.ts'
import { createDatabase, type TestDatabase } from './database.ts'

/** A database of the calling test file's own: statements through the door, and plain SQL beside it. */
export type UsedDatabase = PostgresDoor & {
  readonly url: string
  query<Row extends QueryResultRow>(text: string, values?: unknown[]): Promise<Row[]>
}

/** Opens it before the tests of the file, and drops it after them. */
export function useDatabase(): UsedDatabase {
  let database: TestDatabase
  let postgres: NativePostgres
  beforeAll(async () => {
    database = await createDatabase()
    postgres = openPostgres(database.url, { connections: 4, timeoutMs: 10_000 })
  })
  afterAll(async () => {
    await postgres.close()
    await database.drop()
  })
  return {
    get url() {
      return database.url
    },
    query: (text, values) => database.query(text, values),
    run: (statement) => postgres.run(statement),
  }
}
