import { TaskStatus } from '../contract/task-status.ts'
import { settleBatches } from './settle-batches.ts'
import type { Statement } from './statement.ts'

/**
 * Ends tasks of an owner that have not ended: PENDING | PROCESSING → CANCELLED at a new fence, so
 * that their workers hold nothing any more and learn it at their next heartbeat. What a model has
 * written so far is kept as the answer. Returns those that were ended.
 */
export function cancelTasksIfOpen(
  owner: string,
  which: { taskIds: string[] } | { batchId: string },
): Statement<{ id: string; fence: number }> {
  return {
    name: 'cancel-tasks-if-open',
    text: CANCEL_TASKS_IF_OPEN,
    params: [
      owner,
      'taskIds' in which ? which.taskIds : [],
      'batchId' in which ? which.batchId : null,
    ],
  }
}

// The text is what the DELETE returns: that is the last one, also where the tasks had to be waited for.
const CANCEL_TASKS_IF_OPEN = `
WITH seen AS MATERIALIZED (
  SELECT t.id, t.fence, t.status FROM tasks t
  WHERE t.owner = $1 AND (t.id = ANY ($2::uuid[]) OR t.batch_id = $3::uuid)
  ORDER BY t.id FOR UPDATE
), open AS MATERIALIZED (
  SELECT * FROM seen WHERE seen.status IN (${TaskStatus.PENDING}, ${TaskStatus.PROCESSING})
), unneeded AS (
  DELETE FROM task_partials p USING open WHERE p.task_id = open.id
  RETURNING p.task_id, p.fence, p.response_text, p.reasoning_text
), cancelled AS (
  UPDATE tasks t SET
    status = ${TaskStatus.CANCELLED}, fence = t.fence + 1, finished_at = now(),
    lease_expires_at = NULL, waiting_since = NULL,
    response_text = nullif(p.response_text, ''), reasoning_text = nullif(p.reasoning_text, '')
  FROM open LEFT JOIN unneeded p ON p.task_id = open.id AND p.fence = open.fence
    AND open.status = ${TaskStatus.PROCESSING}
  WHERE t.id = open.id
  RETURNING t.id, t.fence, t.batch_id, open.status AS old_status, t.status AS new_status
), ${settleBatches('cancelled')}
SELECT id, fence FROM cancelled`
