import { TaskStatus } from '../contract/task-status.ts'
import type { Unrung } from './release-tasks-if-held.ts'
import { reopenTasks } from './reopen-tasks.ts'
import type { Statement } from './statement.ts'
import { type BrokenLimit, brokenLimit, type SubmitLimits } from './submit-limits.ts'

/** The request that asks for a retry: what is done for the task from now on bears its marks. */
export type Retry = {
  owner: string
  taskId: string
  requestId: string
  traceparent: string
  limits: SubmitLimits
}

/**
 * `old_status`: what the task was. `refused`: the limit for which it was left as it is. `ring`: how to
 * ring it; null where it was left as it is. `asked_by`: the request that its batch was for until now.
 */
export type RetriedTask = {
  old_status: TaskStatus
  refused: BrokenLimit | null
  ring: Unrung | null
  asked_by: string
}

/**
 * Gives one of an owner's tasks another life: FAILED | CANCELLED → PENDING at a new fence with fresh
 * counts, its batch open again and of this request, and its dead letters marked as replayed. The limits
 * of a submit hold for it too. The caller rings it. No row: there is no such task of this owner.
 *
 * It may be repeated when its outcome is unknown: a task that waits for this very request is rung.
 */
export function retryTaskIfFailedOrCancelled(retry: Retry): Statement<RetriedTask> {
  return {
    name: 'retry-task-if-failed-or-cancelled',
    text: RETRY_TASK_IF_FAILED_OR_CANCELLED,
    params: [
      retry.owner,
      retry.taskId,
      retry.requestId,
      retry.traceparent,
      retry.limits.openTasks,
      retry.limits.queueDepth,
    ],
  }
}

const ENDED = `seen.status IN (${TaskStatus.FAILED}, ${TaskStatus.CANCELLED})`
const LIMITS = {
  owner: '$1',
  families: '(SELECT ARRAY[seen.family] FROM seen)',
  openTasks: '$5',
  queueDepth: '$6',
}

// The locks are taken in the order of replay-dead-letters.ts: task, dead letters, batch.
const RETRY_TASK_IF_FAILED_OR_CANCELLED = `
WITH seen AS MATERIALIZED (
  SELECT t.id, t.status, t.fence, t.family, t.batch_id FROM tasks t
  WHERE t.owner = $1 AND t.id = $2::uuid FOR UPDATE
), gate AS MATERIALIZED (
  SELECT CASE WHEN ${ENDED} THEN ${brokenLimit(LIMITS)} END AS refused FROM seen
), letter AS MATERIALIZED (
  SELECT d.id FROM dead_letters d
  WHERE d.task_id = ANY (ARRAY(SELECT seen.id FROM seen)) AND d.kind = 'task'
    AND d.replayed_at IS NULL
  ORDER BY d.id FOR UPDATE
), ${reopenTasks(
  `${ENDED}
    AND (SELECT gate.refused FROM gate) IS NULL
    AND (SELECT count(*) FROM letter) >= 0`,
  ['request_id = $3', 'traceparent = $4'],
)}, marked AS (
  UPDATE dead_letters d SET replayed_at = now()
  FROM letter WHERE d.id = letter.id AND EXISTS (SELECT FROM reopened)
)
SELECT seen.status AS old_status, gate.refused, b.request_id AS asked_by,
  CASE WHEN reopened.id IS NOT NULL OR seen.status = ${TaskStatus.PENDING} AND b.request_id = $3
    THEN json_build_object('task_id', seen.id, 'fence', coalesce(reopened.fence, seen.fence),
      'family', seen.family, 'traceparent', $4::text) END AS ring
FROM seen
CROSS JOIN gate
JOIN batches b ON b.id = seen.batch_id
LEFT JOIN reopened ON reopened.id = seen.id`
