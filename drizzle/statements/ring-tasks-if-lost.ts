import { TaskStatus } from '../contract/task-status.ts'
import { UNRUNG, type Unrung } from './release-tasks-if-held.ts'
import type { Statement } from './statement.ts'

/** How much older than the oldest waiting entry a ring must be before it counts as lost, in seconds. */
export const LOST_AFTER_S = 10

/**
 * How long ago, in ms by Redis's own clock, the oldest entry was written that waits to be read by a
 * family's group; 0 where none waits.
 */
export type Reading = { family: string; ageMs: number }

/**
 * Finds PENDING tasks whose message must have been lost, up to `limit` a family, and notes a new ring.
 * `asOf` is when the readings were begun, as the database writes it: repeated with the same readings,
 * however long that takes, it never finds what it has rung itself.
 *
 * Lost: due, and rung at least 10 s before the oldest entry that waits was written. So a long
 * queue, whose messages still wait their turn, is not rung over and over. Ages, and no times, go
 * from Redis to Postgres, so that it does not matter how their clocks differ.
 */
export function ringTasksIfLost(
  readings: Reading[],
  asOf: string,
  limit: number,
): Statement<Unrung> {
  return {
    name: 'ring-tasks-if-lost',
    text: RING_TASKS_IF_LOST,
    params: [
      readings.map(({ family }) => family),
      readings.map(({ ageMs }) => Math.max(ageMs, 0)),
      limit,
      asOf,
    ],
  }
}

const RING_TASKS_IF_LOST = `
WITH reading AS MATERIALIZED (
  SELECT * FROM unnest($1::text[], $2::float8[]) AS r (family, age_ms)
), lost AS MATERIALIZED (
  SELECT task.id FROM reading CROSS JOIN LATERAL (
    SELECT t.id FROM tasks t
    WHERE t.status = ${TaskStatus.PENDING} AND t.family = reading.family
      AND t.rung_at < $4::timestamptz - reading.age_ms * interval '1 ms' - interval '${LOST_AFTER_S} s'
      AND t.run_after <= now()
    ORDER BY t.rung_at LIMIT $3::integer
    FOR UPDATE SKIP LOCKED
  ) task
)
UPDATE tasks t SET rung_at = now() WHERE t.id = ANY (ARRAY(SELECT id FROM lost))
RETURNING ${UNRUNG}`
