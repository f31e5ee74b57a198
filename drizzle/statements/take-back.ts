import { TaskStatus } from '../contract/task-status.ts'
import { UNRUNG } from './release-tasks-if-held.ts'

/**
 * The end of every statement that takes tasks from holders that are dead: PROCESSING → PENDING at a
 * new fence, one death more, due and rung now. `dead` names a CTE with the ids of locked tasks.
 */
export function takeBack(dead: string): string {
  return `reaped AS (
  UPDATE tasks t SET status = ${TaskStatus.PENDING}, fence = t.fence + 1, deaths = t.deaths + 1,
    rung_at = now(), run_after = now(), lease_expires_at = NULL, worker_id = NULL,
    worker_key = NULL, watched = false
  WHERE t.id = ANY (ARRAY(SELECT id FROM ${dead}))
  RETURNING ${UNRUNG}
)
SELECT * FROM reaped`
}

/** SQL for whether the server has been up for a lease, given as a parameter in ms. */
export const upForLease = (leaseMs: string) =>
  `pg_postmaster_start_time() < now() - ${leaseMs}::integer * interval '1 ms'`
