import { TaskStatus } from '../contract/task-status.ts'
import type { Unrung } from './release-tasks-if-held.ts'
import { RING_OF_REOPENED, reopenTasks } from './reopen-tasks.ts'
import type { Statement } from './statement.ts'

/** `old_status`: what the task was. `ring`: how to ring it; null where it was left as it is. */
export type RetriedTask = { old_status: TaskStatus; ring: Unrung | null }

/**
 * Gives one of an owner's tasks another life: FAILED | CANCELLED → PENDING at a new fence with fresh
 * counts, its batch open again, and its dead letters marked as replayed. The caller rings it. No row:
 * there is no such task of this owner.
 */
export function retryTaskIfFailedOrCancelled(
  owner: string,
  taskId: string,
): Statement<RetriedTask> {
  return {
    name: 'retry-task-if-failed-or-cancelled',
    text: RETRY_TASK_IF_FAILED_OR_CANCELLED,
    params: [owner, taskId],
  }
}

// The locks are taken in the order of replay-dead-letters.ts: task, dead letters, batch.
const RETRY_TASK_IF_FAILED_OR_CANCELLED = `
WITH seen AS MATERIALIZED (
  SELECT t.id, t.status FROM tasks t WHERE t.owner = $1 AND t.id = $2::uuid FOR UPDATE
), letter AS MATERIALIZED (
  SELECT d.id FROM dead_letters d
  WHERE d.task_id = ANY (ARRAY(SELECT seen.id FROM seen)) AND d.kind = 'task'
    AND d.replayed_at IS NULL
  ORDER BY d.id FOR UPDATE
), ${reopenTasks(`seen.status IN (${TaskStatus.FAILED}, ${TaskStatus.CANCELLED})
    AND (SELECT count(*) FROM letter) >= 0`)}, marked AS (
  UPDATE dead_letters d SET replayed_at = now()
  FROM letter WHERE d.id = letter.id AND EXISTS (SELECT FROM reopened)
)
SELECT seen.status AS old_status,
  CASE WHEN reopened.id IS NOT NULL THEN ${RING_OF_REOPENED} END AS ring
FROM seen
LEFT JOIN reopened ON reopened.id = seen.id
LEFT JOIN batches b ON b.id = reopened.batch_id`
