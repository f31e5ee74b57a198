import { v7 as uuidv7 } from 'uuid'
import type { Session } from './session.ts'
import type { UsedDatabase } from './use-database.ts'

type NodeState = {
  status?: 'HEALTHY' | 'OFFLINE' | '429_LIMIT'
  /** How many faults in a row it has had. */
  errors?: number
  /** In how many seconds it may be tried again; null where nothing keeps anyone from it. */
  retryInS?: number | null
  family?: string
}

/** A node in the state given, HEALTHY where nothing is said of it. Gives its id. */
export async function node(
  database: UsedDatabase | Session,
  { status = 'HEALTHY', errors = 0, retryInS = null, family = 'qwen' }: NodeState = {},
): Promise<string> {
  const id = uuidv7()
  await database.query(
    `INSERT INTO gemini_service_nodes
       (id, family, url, kind, capacity, status, error_count, retry_at)
     VALUES ($1::uuid, $2, 'http://node/' || $1::uuid, 'ollama', 4, $3, $4, now() + $5 * interval '1 s')`,
    [id, family, status, errors, retryInS],
  )
  return id
}

/** What is known of a node; `retry_in_s` is exact within one transaction only. */
export async function nodeRow(database: UsedDatabase | Session, id: string) {
  const answer = await database.query(
    `SELECT status, error_count, extract(epoch FROM retry_at - now())::float8 AS retry_in_s
     FROM gemini_service_nodes WHERE id = $1`,
    [id],
  )
  const [row] = Array.isArray(answer) ? answer : answer.rows
  return row as { status: string; error_count: number; retry_in_s: number | null } | undefined
}
