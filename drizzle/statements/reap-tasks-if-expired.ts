import { TaskStatus } from '../contract/task-status.ts'
import type { Unrung } from './release-tasks-if-held.ts'
import type { Statement } from './statement.ts'

/**
 * Takes back tasks whose lease has run out: PROCESSING → PENDING at a new fence, one death more.
 * Nothing is reaped within one lease of the database's own start: its restart kills no worker.
 * The caller rings what comes back.
 */
export function reapTasksIfExpired(leaseMs: number, limit: number): Statement<Unrung> {
  return { name: 'reap-tasks-if-expired', text: REAP_TASKS_IF_EXPIRED, params: [leaseMs, limit] }
}

const REAP_TASKS_IF_EXPIRED = `
WITH expired AS MATERIALIZED (
  SELECT t.id FROM tasks t
  WHERE t.status = ${TaskStatus.PROCESSING} AND t.lease_expires_at < now()
    AND pg_postmaster_start_time() < now() - $1::integer * interval '1 ms'
  ORDER BY t.id LIMIT $2::integer
  FOR UPDATE SKIP LOCKED
), reaped AS (
  UPDATE tasks t SET status = ${TaskStatus.PENDING}, fence = t.fence + 1, deaths = t.deaths + 1,
    rung_at = now(), run_after = now(), lease_expires_at = NULL, worker_id = NULL, worker_key = NULL
  FROM expired WHERE t.id = expired.id
  RETURNING t.id, t.fence, t.family, t.batch_id
)
SELECT reaped.id AS task_id, reaped.fence, reaped.family, b.traceparent
FROM reaped JOIN batches b ON b.id = reaped.batch_id`
