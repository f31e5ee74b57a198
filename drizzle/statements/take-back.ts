import { TaskStatus } from '../contract/task-status.ts'

/**
 * The end of every statement that takes tasks from holders that are dead: PROCESSING → PENDING at a
 * new fence, one death more, due and rung now. `dead` names a CTE with the ids of locked tasks.
 */
export function takeBack(dead: string): string {
  return `reaped AS (
  UPDATE tasks t SET status = ${TaskStatus.PENDING}, fence = t.fence + 1, deaths = t.deaths + 1,
    rung_at = now(), run_after = now(), lease_expires_at = NULL, worker_id = NULL,
    worker_key = NULL, watched = false
  FROM ${dead} WHERE t.id = ${dead}.id
  RETURNING t.id, t.fence, t.family, t.batch_id
)
SELECT reaped.id AS task_id, reaped.fence, reaped.family, b.traceparent
FROM reaped JOIN batches b ON b.id = reaped.batch_id`
}

/** SQL for whether the server has been up for a lease, given as a parameter in ms. */
export const upForLease = (leaseMs: string) =>
  `pg_postmaster_start_time() < now() - ${leaseMs}::integer * interval '1 ms'`
