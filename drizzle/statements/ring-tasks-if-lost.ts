import { TaskStatus } from '../contract/task-status.ts'
import type { Unrung } from './release-tasks-if-held.ts'
import type { Statement } from './statement.ts'

/** How much older than the group's reading a ring must be before it counts as lost, in seconds. */
const LOST_AFTER_S = 10

/**
 * Finds PENDING tasks of a family whose message must have been lost, and notes a new ring.
 *
 * Lost: due, and rung at least 10 s before `deliveredMs` — the time of the last message that the
 * group has delivered (ms since 1970 by Redis's clock), or null for "now" where nothing is waiting
 * in the stream. So a long queue, whose messages still wait their turn, is not rung over and over.
 */
export function ringTasksIfLost(
  family: string,
  deliveredMs: number | null,
  limit: number,
): Statement<Unrung> {
  return {
    name: 'ring-tasks-if-lost',
    text: RING_TASKS_IF_LOST,
    params: [family, deliveredMs, limit],
  }
}

const RING_TASKS_IF_LOST = `
WITH lost AS MATERIALIZED (
  SELECT t.id FROM tasks t
  WHERE t.status = ${TaskStatus.PENDING} AND t.family = $1
    AND t.rung_at < coalesce(to_timestamp($2::float8 / 1000), now())
      - interval '${LOST_AFTER_S} s'
    AND t.run_after <= now()
  ORDER BY t.rung_at LIMIT $3::integer
  FOR UPDATE SKIP LOCKED
), rung AS (
  UPDATE tasks t SET rung_at = now() FROM lost WHERE t.id = lost.id
  RETURNING t.id, t.fence, t.family, t.batch_id
)
SELECT rung.id AS task_id, rung.fence, rung.family, b.traceparent
FROM rung JOIN batches b ON b.id = rung.batch_id`
