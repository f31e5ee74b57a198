import { TaskStatus } from '../contract/task-status.ts'
import { LOST_AFTER_S } from './ring-tasks-if-lost.ts'
import type { Statement } from './statement.ts'

/**
 * In how many ms the next thing is to be looked after: a lease that ends, a task that is due, a ring
 * that may count as lost. Null where there is none; all three are null when no task is open. `moment` is
 * when the database looked, as it writes it.
 */
export type NextTimes = {
  lease_ms: number | null
  due_ms: number | null
  lost_ms: number | null
  moment: string
}

/** Finds when a sweep has something to do again. The families are all that there are. */
export function findNextTimes(families: readonly string[]): Statement<NextTimes> {
  return { name: 'find-next-times', text: FIND_NEXT_TIMES, params: [families] }
}

const inMs = (time: string) => `(extract(epoch FROM ${time} - now()) * 1000)::float8`

const FIND_NEXT_TIMES = `
SELECT
  (SELECT ${inMs('min(t.lease_expires_at)')} FROM tasks t
    WHERE t.status = ${TaskStatus.PROCESSING}) AS lease_ms,
  (SELECT ${inMs('t.run_after')} FROM tasks t
    WHERE t.status = ${TaskStatus.PENDING} AND t.rung_at IS NULL
    ORDER BY t.run_after LIMIT 1) AS due_ms,
  (SELECT min(${inMs(`first.rung_at + interval '${LOST_AFTER_S} s'`)})
    FROM unnest($1::text[]) AS f (family) CROSS JOIN LATERAL (
      SELECT t.rung_at FROM tasks t
      WHERE t.status = ${TaskStatus.PENDING} AND t.family = f.family
      ORDER BY t.rung_at LIMIT 1
    ) first) AS lost_ms,
  now()::text AS moment`
