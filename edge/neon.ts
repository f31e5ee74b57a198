import { NeonDbError, neon, neonConfig } from '@neondatabase/serverless'
import type { PostgresDoor } from '../drizzle/statements/statement.ts'

/** SQLSTATE classes that say "not now": connection, resources, shutdown and start-up. */
const NOT_NOW = /^(08|53|57P)/

/** A deadlock, and a transaction that could not be serialized. */
const CROSSED = ['40P01', '40001']

/** A statement that failed. Carries a code only: the database's words may quote a prompt. */
export class DatabaseError extends Error {
  override name = 'DatabaseError'
  /** The SQLSTATE, or `unreachable`. */
  readonly code: string
  /** True where the statement may yet have been carried out. */
  readonly outcomeUnknown: boolean

  constructor(code: string, outcomeUnknown: boolean) {
    super(`the database statement failed (${code})`)
    this.code = code
    this.outcomeUnknown = outcomeUnknown
  }

  /** Whether the fault is the database's state and not the statement. */
  get unavailable(): boolean {
    return this.outcomeUnknown || NOT_NOW.test(this.code)
  }

  /** Whether the statement gave way to another one of the same moment, and may go when that has gone. */
  get crossed(): boolean {
    return CROSSED.includes(this.code)
  }
}

/**
 * The door to Postgres over Neon's SQL-over-HTTP: one statement, one round trip.
 * `fetchEndpoint` is the local bridge; without it the driver finds Neon by the database's host.
 */
export function openNeon(
  databaseUrl: string,
  { fetchEndpoint, timeoutMs }: { fetchEndpoint?: string | undefined; timeoutMs: number },
): PostgresDoor {
  if (fetchEndpoint) neonConfig.fetchEndpoint = fetchEndpoint
  const sql = neon(databaseUrl)
  return {
    async run<Row>({ text, params }: { text: string; params: unknown[] }): Promise<Row[]> {
      try {
        const fetchOptions = { signal: AbortSignal.timeout(timeoutMs) }
        return (await sql.query(text, params, { fetchOptions })) as Row[]
      } catch (error) {
        const code = error instanceof NeonDbError ? error.code : undefined
        throw new DatabaseError(code ?? 'unreachable', code === undefined)
      }
    },
  }
}
