import { TaskStatus } from '../contract/task-status.ts'
import { settleBatches } from './settle-batches.ts'

/**
 * CTEs that give tasks which have ended another life: → PENDING at a new fence, due and rung now, with
 * fresh counts and nothing of the old answer, their batches open again. `which` is SQL for which of the
 * locked tasks in the CTE `seen` (id, status) it is. The CTE `reopened` has one row a task: RING_OF_REOPENED
 * says how to ring it. `ofBatch` is SQL for what is set of their batches.
 */
export function reopenTasks(which: string, ofBatch: readonly string[] = []): string {
  return `reopened AS (
  UPDATE tasks t SET
    status = ${TaskStatus.PENDING}, fence = t.fence + 1, failures = 0, deaths = 0,
    child_deaths = 0, run_after = now(), rung_at = now(), waiting_since = NULL,
    worker_id = NULL, worker_key = NULL, watched = false, started_at = NULL, finished_at = NULL,
    response_text = NULL, reasoning_text = NULL, error_code = NULL, error_msg = NULL,
    usage = NULL, finish_reason = NULL, answered_by = NULL, first_token_ms = NULL,
    reasoning_ms = NULL
  FROM seen
  WHERE t.id = seen.id
    AND ${which}
  RETURNING t.id, t.fence, t.family, t.batch_id, seen.status AS old_status,
    t.status AS new_status
), ${settleBatches('reopened', ofBatch)}`
}

/** SQL for an Unrung, of a row of `reopened` and its batch `b`. */
export const RING_OF_REOPENED = `json_build_object('task_id', reopened.id,
    'fence', reopened.fence, 'family', reopened.family, 'traceparent', b.traceparent)`
