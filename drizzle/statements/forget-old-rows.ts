import { TaskStatus } from '../contract/task-status.ts'
import type { Statement } from './statement.ts'

/** How long a repeated submit still finds its first batch, in hours. */
const KEYS_KEPT_H = 24

/** Removes up to `limit` outlived idempotency keys, and partial texts that no running call owns. */
export function forgetOldRows(limit: number): Statement<never> {
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
)
DELETE FROM task_partials p
WHERE NOT EXISTS (SELECT FROM tasks t
  WHERE t.id = p.task_id AND t.fence = p.fence AND t.status = ${TaskStatus.PROCESSING})`
