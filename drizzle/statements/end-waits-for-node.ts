import { TaskStatus } from '../contract/task-status.ts'
import type { Statement } from './statement.ts'

/** Makes tasks due now that waited for a node of these families. Returns how many there were. */
export function endWaitsForNode(families: string[], limit: number): Statement<{ tasks: number }> {
  return { name: 'end-waits-for-node', text: END_WAITS_FOR_NODE, params: [families, limit] }
}

const END_WAITS_FOR_NODE = `
WITH waiter AS MATERIALIZED (
  SELECT t.id FROM tasks t
  WHERE t.status = ${TaskStatus.PENDING} AND t.rung_at IS NULL AND t.run_after > now()
    AND t.waiting_since IS NOT NULL AND t.family = ANY ($1::text[])
  ORDER BY t.run_after LIMIT $2::integer
  FOR UPDATE SKIP LOCKED
), due AS (
  UPDATE tasks t SET run_after = now() WHERE t.id = ANY (ARRAY(SELECT id FROM waiter))
  RETURNING t.id
)
SELECT count(*)::integer AS tasks FROM due`
