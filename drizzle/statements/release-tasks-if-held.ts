import { TaskStatus } from '../contract/task-status.ts'
import { nodeAwaited } from './node-state.ts'
import type { Held } from './renew-leases-if-held.ts'
import type { Statement } from './statement.ts'

/**
 * A task that is handed back: because its worker was `drained`, its call `failed`, or it ended
 * (`died`) the process that ran it alone. It is due `afterMs` from now.
 */
export type Release = Held & { because: 'drained' | 'failed' | 'died'; afterMs: number }

/** A task that is to be rung: what its stream message must carry. */
export type Unrung = { task_id: string; fence: number; family: string; traceparent: string }

/** `node_awaited`: another task of its family waits for the room that this one has left. */
export type Released = Unrung & { node_awaited: boolean }

/** SQL for the columns of an Unrung, of the task `t`. */
export const UNRUNG = `t.id AS task_id, t.fence, t.family,
    (SELECT b.traceparent FROM batches b WHERE b.id = t.batch_id) AS traceparent`

/**
 * Hands tasks back for another try: PROCESSING → PENDING at a new fence. A failure and a death are
 * counted, a drain is neither. Returns those that were still held: the caller rings what is due at
 * once, the sweep what is due later (`rung_at` is null until then).
 */
export function releaseTasksIfHeld(releases: Release[]): Statement<Released> {
  return {
    name: 'release-tasks-if-held',
    text: RELEASE_TASKS_IF_HELD,
    params: [
      releases.map(({ taskId }) => taskId),
      releases.map(({ fence }) => fence),
      releases.map(({ because }) => Number(because === 'failed')),
      releases.map(({ because }) => Number(because === 'died')),
      releases.map(({ afterMs }) => Math.round(afterMs)),
    ],
  }
}

const RELEASE_TASKS_IF_HELD = `
WITH held AS MATERIALIZED (
  SELECT * FROM unnest($1::uuid[], $2::integer[], $3::integer[], $4::integer[], $5::integer[])
    AS h (task_id, fence, failures, child_deaths, after_ms)
), seen AS MATERIALIZED (
  SELECT t.id, t.fence, t.status FROM tasks t
  WHERE t.id = ANY ($1::uuid[])
  ORDER BY t.id FOR UPDATE
), released AS (
  UPDATE tasks t SET status = ${TaskStatus.PENDING}, fence = t.fence + 1,
    failures = t.failures + held.failures, deaths = t.deaths + held.child_deaths,
    child_deaths = t.child_deaths + held.child_deaths,
    run_after = now() + held.after_ms * interval '1 ms',
    rung_at = CASE WHEN held.after_ms = 0 THEN now() END,
    lease_expires_at = NULL, worker_id = NULL, worker_key = NULL, watched = false
  FROM seen JOIN held ON held.task_id = seen.id AND held.fence = seen.fence
  WHERE t.id = seen.id AND seen.status = ${TaskStatus.PROCESSING}
  RETURNING ${UNRUNG}
), unneeded AS (
  DELETE FROM task_partials p USING released WHERE p.task_id = released.task_id
)
SELECT r.*, ${nodeAwaited('r.family')} AS node_awaited FROM released r`
