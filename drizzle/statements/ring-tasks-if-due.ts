import { TaskStatus } from '../contract/task-status.ts'
import { UNRUNG, type Unrung } from './release-tasks-if-held.ts'
import type { Statement } from './statement.ts'

/**
 * Notes a ring for PENDING tasks that were put off and are due now: retries, and those that wait for
 * a node. The caller rings what comes back.
 */
export function ringTasksIfDue(limit: number): Statement<Unrung> {
  return { name: 'ring-tasks-if-due', text: RING_TASKS_IF_DUE, params: [limit] }
}

const RING_TASKS_IF_DUE = `
WITH due AS MATERIALIZED (
  SELECT t.id FROM tasks t
  WHERE t.status = ${TaskStatus.PENDING} AND t.rung_at IS NULL AND t.run_after <= now()
  ORDER BY t.run_after LIMIT $1::integer
  FOR UPDATE SKIP LOCKED
)
UPDATE tasks t SET rung_at = now() WHERE t.id = ANY (ARRAY(SELECT id FROM due))
RETURNING ${UNRUNG}`
