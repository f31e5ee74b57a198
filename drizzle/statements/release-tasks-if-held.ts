import { TaskStatus } from '../contract/task-status.ts'
import type { Held } from './renew-leases-if-held.ts'
import type { Statement } from './statement.ts'

/** A task that is to be rung: what its stream message must carry. */
export type Unrung = { task_id: string; fence: number; family: string; traceparent: string }

/**
 * Hands tasks back for another worker: PROCESSING → PENDING at a new fence, counting neither as a
 * failure nor as a death. The caller rings what comes back.
 */
export function releaseTasksIfHeld(held: Held[]): Statement<Unrung> {
  return {
    name: 'release-tasks-if-held',
    text: RELEASE_TASKS_IF_HELD,
    params: [held.map(({ taskId }) => taskId), held.map(({ fence }) => fence)],
  }
}

const RELEASE_TASKS_IF_HELD = `
WITH held AS MATERIALIZED (
  SELECT * FROM unnest($1::uuid[], $2::integer[]) AS h (task_id, fence)
), seen AS MATERIALIZED (
  SELECT t.id, t.fence, t.status FROM tasks t
  WHERE t.id = ANY ($1::uuid[])
  ORDER BY t.id FOR UPDATE
), released AS (
  UPDATE tasks t SET status = ${TaskStatus.PENDING}, fence = t.fence + 1, rung_at = now(),
    run_after = now(), lease_expires_at = NULL, worker_id = NULL, worker_key = NULL
  FROM seen JOIN held ON held.task_id = seen.id AND held.fence = seen.fence
  WHERE t.id = seen.id AND seen.status = ${TaskStatus.PROCESSING}
  RETURNING t.id, t.fence, t.family, t.batch_id
)
SELECT released.id AS task_id, released.fence, released.family, b.traceparent
FROM released JOIN batches b ON b.id = released.batch_id`
