import { Client, Pool } from 'pg'
import type { PostgresDoor } from '../drizzle/statements/statement.ts'
import { codeOf, log } from './log.ts'

const DEADLOCK = '40P01'
const CONNECT_TIMEOUT_MS = 5_000

/** A statement that failed. Carries the SQLSTATE (or a network code) only: nothing of its data. */
export class PostgresError extends Error {
  override name = 'PostgresError'
  readonly code: string

  constructor(code: string) {
    super(`the database statement failed (${code})`)
    this.code = code
  }

  /** Whether the data of the statement is at fault: classes 22 data, 23 constraint, 54 limits. */
  get dataAtFault(): boolean {
    return /^(22|23|54)/.test(this.code)
  }
}

export type NativePostgres = PostgresDoor & { close(): Promise<void> }

/**
 * The worker's door to Postgres: a pool of native connections that keep the statements prepared.
 * A deadlock is repeated by itself. Throws PostgresError.
 */
export function openPostgres(
  url: string,
  { connections, timeoutMs }: { connections: number; timeoutMs: number },
): NativePostgres {
  const pool = new Pool({
    connectionString: url,
    max: connections,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    // Not `statement_timeout`: it goes out as a start-up parameter, which poolers refuse.
    query_timeout: timeoutMs,
    keepAlive: true,
    application_name: 'async-chat-worker',
  })
  pool.on('error', (error) => log.warn({ code: codeOf(error) }, 'idle connection lost'))
  return {
    async run<Row>({ name, text, params }: { name: string; text: string; params: unknown[] }) {
      for (let attempt = 1; ; attempt++) {
        try {
          const { rows } = await pool.query({ name, text, values: params })
          return rows as Row[]
        } catch (error) {
          const code = codeOf(error)
          if (code !== DEADLOCK || attempt === 3) throw new PostgresError(code)
        }
      }
    },
    close: () => pool.end(),
  }
}

/** One connection of its own, for what must live as long as it does. */
export type PostgresSession = PostgresDoor & {
  /** Resolves when the connection has ended, by whomever. */
  ended: Promise<void>
  close(): void
}

/** Opens a session. Rejects with PostgresError where it cannot be had. */
export async function openSession(
  url: string,
  { timeoutMs }: { timeoutMs: number },
): Promise<PostgresSession> {
  const client = new Client({
    connectionString: url,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: timeoutMs,
    keepAlive: true,
    application_name: 'async-chat-worker-lock',
  })
  const ended = Promise.withResolvers<void>()
  client.on('error', () => ended.resolve())
  client.on('end', () => ended.resolve())
  try {
    await client.connect()
  } catch (error) {
    throw new PostgresError(codeOf(error))
  }
  return {
    ended: ended.promise,
    async run<Row>({ text, params }: { text: string; params: unknown[] }) {
      try {
        return (await client.query(text, params)).rows as Row[]
      } catch (error) {
        throw new PostgresError(codeOf(error))
      }
    },
    // Not awaited: a server that is away never says goodbye.
    close: () => void client.end().catch(() => {}),
  }
}
