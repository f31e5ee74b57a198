import { TaskStatus } from '../contract/task-status.ts'
import type { Statement } from './statement.ts'

/** How long a repeated submit still finds its first batch, in hours. */
export const KEYS_KEPT_H = 24

/** A node that registers itself and has been silent for so long will not come back, in hours. */
const NODES_KEPT_H = 24

/** What is in `sys_logs` is kept for so long; lines of level audit, which say who did something, for ever. In days. */
const LOGS_KEPT_DAYS = 30

/** A call that still writes has saved within this time, in minutes. */
const PARTIALS_KEPT_MIN = 60

/**
 * Removes up to `limit` outlived idempotency keys, as many partial texts that no running call owns, as
 * many nodes that had registered themselves and are gone, and as many old lines of `sys_logs`. Returns how
 * many keys and lines went.
 */
export function forgetOldRows(limit: number): Statement<{ keys: number; lines: number }> {
  return { name: 'forget-old-rows', text: FORGET_OLD_ROWS, params: [limit] }
}

const FORGET_OLD_ROWS = `
WITH outlived AS (
  SELECT owner, key FROM idempotency_keys
  WHERE created_at < now() - interval '${KEYS_KEPT_H} h'
  ORDER BY created_at LIMIT $1::integer
  FOR UPDATE SKIP LOCKED
), forgotten AS (
  DELETE FROM idempotency_keys k USING outlived o WHERE k.owner = o.owner AND k.key = o.key
  RETURNING k.key
), orphan AS (
  SELECT p.task_id FROM task_partials p
  WHERE p.updated_at < now() - interval '${PARTIALS_KEPT_MIN} min'
    AND NOT EXISTS (SELECT FROM tasks t
      WHERE t.id = p.task_id AND t.fence = p.fence AND t.status = ${TaskStatus.PROCESSING})
  ORDER BY p.task_id LIMIT $1::integer
  FOR UPDATE SKIP LOCKED
), dropped AS (
  DELETE FROM task_partials p USING orphan o WHERE p.task_id = o.task_id
), gone AS (
  SELECT n.id FROM gemini_service_nodes n
  WHERE n.self_registered AND n.last_heartbeat_at < now() - interval '${NODES_KEPT_H} h'
    AND NOT EXISTS (SELECT FROM tasks held
      WHERE held.node_id = n.id AND held.status = ${TaskStatus.PROCESSING})
  ORDER BY n.id LIMIT $1::integer
  FOR UPDATE SKIP LOCKED
), left_out AS (
  DELETE FROM gemini_service_nodes n USING gone g WHERE n.id = g.id
), line AS (
  SELECT l.id FROM sys_logs l
  WHERE l.created_at < now() - interval '${LOGS_KEPT_DAYS} days' AND l.level <> 'audit'
  ORDER BY l.created_at LIMIT $1::integer
  FOR UPDATE SKIP LOCKED
), unlogged AS (
  DELETE FROM sys_logs l USING line WHERE l.id = line.id
  RETURNING l.id
)
SELECT (SELECT count(*) FROM forgotten)::integer AS keys,
  (SELECT count(*) FROM unlogged)::integer AS lines`
