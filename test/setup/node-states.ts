import { v7 as uuidv7 } from 'uuid'
import type { Session } from './session.ts'
import type { UsedDatabase } from './use-database.ts'

type NodeState = {
  status?: 'HEALTHY' | 'BUSY' | 'OFFLINE' | '429_LIMIT'
  /** How many faults in a row it has had. */
  errors?: number
  /** In how many seconds it may be tried again; null where nothing keeps anyone from it. */
  retryInS?: number | null
  family?: string
  capacity?: number
  weight?: number
  /** How long ago it was heard of, in seconds. */
  silentS?: number
  selfRegistered?: boolean
}

/** A node in the state given, HEALTHY where nothing is said of it. Gives its id. */
export async function node(
  database: UsedDatabase | Session,
  state: NodeState = {},
): Promise<string> {
  const id = uuidv7()
  const { status = 'HEALTHY', errors = 0, retryInS = null, family = 'qwen' } = state
  const { capacity = 4, weight = 1, silentS = 0, selfRegistered = false } = state
  await database.query(
    `INSERT INTO gemini_service_nodes
       (id, family, url, kind, capacity, weight, status, error_count, retry_at, last_heartbeat_at,
        self_registered)
     VALUES ($1::uuid, $2, 'http://node/' || $1::uuid, 'ollama', $6, $7, $3, $4,
       now() + $5 * interval '1 s', now() - $8 * interval '1 s', $9)`,
    [id, family, status, errors, retryInS, capacity, weight, silentS, selfRegistered],
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
