import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import pg from 'pg'
import { z } from 'zod'
import { listen, sendJson } from './listen.ts'
import { readBody } from './read-body.ts'
import { sameSecret } from './same-secret.ts'

/** Neon's own limit on a request. */
const BODY_LIMIT = 64 * 1024 * 1024

const query = z.object({ query: z.string(), params: z.array(z.unknown()).optional() })
const body = z.union([z.object({ queries: z.array(query) }), query])

const ISOLATION: Record<string, string> = {
  ReadUncommitted: 'READ UNCOMMITTED',
  ReadCommitted: 'READ COMMITTED',
  RepeatableRead: 'REPEATABLE READ',
  Serializable: 'SERIALIZABLE',
}

const ERROR_FIELDS =
  'severity code detail hint position internalPosition internalQuery where schema table column dataType constraint file line routine'.split(
    ' ',
  )

/** A request that is refused as it stands; the text goes to the caller. */
class Refusal extends Error {
  status: number
  code?: string
  constructor(status: number, message: string, code?: string) {
    super(message)
    this.status = status
    this.code = code
  }
}

type Options = { databaseUrl: string; host?: string; port?: number; connections?: number }

/**
 * Speaks Neon's SQL over HTTP (`POST /sql`, as the proxy of neondatabase/neon does) in front of any
 * Postgres. The connection string of each request must carry the user, password and database of
 * `databaseUrl`; its host is not looked at. `url` ends in `/sql`. Rejects when the port is taken.
 */
export async function startNeonBridge(
  options: Options,
): Promise<{ url: string; close(): Promise<void> }> {
  const { databaseUrl, host = '127.0.0.1', port = 0, connections = 20 } = options
  const pool = new pg.Pool({
    connectionString: databaseUrl,
    max: connections,
    connectionTimeoutMillis: 10_000,
    // Text as Postgres wrote it: the client does the parsing, as it does with Neon.
    types: { getTypeParser: () => (value: string) => value } as unknown as pg.CustomTypesConfig,
  })
  // A connection that breaks is replaced: an idle one at the next query; where one is in use, its
  // query fails, or the one that follows.
  pool.on('error', () => {})
  pool.on('connect', (client) => client.on('error', () => {}))

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      checkHeaders(request, databaseUrl)
      const text = await readBody(request, BODY_LIMIT)
      if (text === undefined) throw new Refusal(413, 'request is too large (max is 67108864 bytes)')
      sendJson(response, 200, await execute(pool, parse(text), request.headers))
    } catch (error) {
      refuse(response, error)
    }
  }
  const { url, close } = await listen(answer, host, port)
  return { url: `${url}/sql`, close: () => close().then(() => pool.end()) }
}

function checkHeaders({ method, url, headers }: IncomingMessage, databaseUrl: string): void {
  if (method !== 'POST' || url?.split('?')[0] !== '/sql') throw new Refusal(404, 'not found')
  const given = URL.parse(String(headers['neon-connection-string'] ?? ''))
  if (!given) throw new Refusal(400, 'missing or malformed Neon-Connection-String')
  const expected = new URL(databaseUrl)
  const parts = ['username', 'password', 'pathname'] as const
  // Each part is compared whatever the others gave, so that the time does not tell which was wrong.
  const same = parts.map((part) => sameSecret(decode(given[part]), decode(expected[part])))
  if (same.includes(false)) throw new Refusal(400, 'password authentication failed', '28P01')
  if (headers['neon-raw-text-output'] !== 'true') {
    throw new Refusal(400, 'this bridge answers raw text only: send Neon-Raw-Text-Output: true')
  }
}

/** Encoded in one place and not in the other, a secret is still the same. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

function parse(text: string): z.output<typeof body> {
  try {
    return body.parse(JSON.parse(text))
  } catch {
    throw new Refusal(400, 'the body is neither {query, params} nor {queries: [{query, params}]}')
  }
}

async function execute(
  pool: pg.Pool,
  body: z.output<typeof query> | { queries: z.output<typeof query>[] },
  headers: IncomingHttpHeaders,
): Promise<unknown> {
  const array = headers['neon-array-mode'] === 'true'
  const client = await pool.connect()
  let broken = false
  try {
    if (!('queries' in body)) return await runQuery(client, body, array)
    await client.query(beginStatement(headers))
    try {
      const results: unknown[] = []
      for (const one of body.queries) results.push(await runQuery(client, one, array))
      await client.query('COMMIT')
      return { results }
    } catch (error) {
      await client.query('ROLLBACK').catch(() => {
        broken = true
      })
      throw error
    }
  } finally {
    client.release(broken)
  }
}

function beginStatement(headers: IncomingHttpHeaders): string {
  const level = headers['neon-batch-isolation-level']
  const words = ['BEGIN']
  if (level !== undefined) {
    const isolation = ISOLATION[String(level)]
    if (!isolation) throw new Refusal(400, 'unknown Neon-Batch-Isolation-Level')
    words.push(`ISOLATION LEVEL ${isolation}`)
  }
  if (headers['neon-batch-read-only'] === 'true') words.push('READ ONLY')
  if (headers['neon-batch-deferrable'] === 'true') words.push('DEFERRABLE')
  return words.join(' ')
}

async function runQuery(client: pg.PoolClient, one: z.output<typeof query>, array: boolean) {
  const config = {
    text: one.query,
    values: one.params ?? [],
    // Without this a query with no parameters would go as a simple one, which may hold several.
    queryMode: 'extended',
  }
  const { command, rowCount, fields, rows } = array
    ? await client.query({ ...config, rowMode: 'array' as const })
    : await client.query(config)
  return { command, rowCount, fields, rows, rowAsArray: array }
}

function refuse(response: ServerResponse, error: unknown): void {
  if (error instanceof Refusal) {
    sendJson(response, error.status, { message: error.message, code: error.code ?? null })
  } else if (error instanceof pg.DatabaseError) {
    const fields = ERROR_FIELDS.map((name) => [name, error[name as keyof typeof error] ?? null])
    sendJson(response, 400, { message: error.message, ...Object.fromEntries(fields) })
  } else {
    // What the driver says may name the address or hold the query.
    sendJson(response, 503, { message: 'the database is not reachable' })
  }
}
