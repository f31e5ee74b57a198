import { TaskStatus } from '../contract/task-status.ts'
import type { Statement } from './statement.ts'

/** How long a repeated submit still finds its first batch, in hours. */
const KEYS_KEPT_H = 24

/** A call that still writes has saved within this time, in minutes. */
const PARTIALS_KEPT_MIN = 60

/**
 * Removes up to `limit` outlived idempotency keys, and as many partial texts that no running call
 * owns. Returns how many keys went.
 */
export function forgetOldRows(limit: number): Statement<{ keys: number }> {
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
)
SELECT count(*)::integer AS keys FROM forgotten`
