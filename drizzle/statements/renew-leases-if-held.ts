import { TaskStatus } from '../contract/task-status.ts'
import type { Statement } from './statement.ts'

/** A task that a worker holds: the fence is the proof. */
export type Held = { taskId: string; fence: number }

/**
 * Puts off the end of the leases, and notes whether the caller holds its session lock (`watched`): who
 * has lost it lives by its leases until it has it again. Returns those that are still the caller's; the
 * rest are lost. Waits for nobody: a task that is locked at the moment is renewed the next time, and
 * still the caller's as far as this can be seen. The saving of its text is no such lock.
 */
export function renewLeasesIfHeld(
  held: Held[],
  { leaseMs, watched }: { leaseMs: number; watched: boolean },
): Statement<{ id: string; fence: number }> {
  return {
    name: 'renew-leases-if-held',
    text: RENEW_LEASES_IF_HELD,
    params: [held.map(({ taskId }) => taskId), held.map(({ fence }) => fence), leaseMs, watched],
  }
}

const RENEW_LEASES_IF_HELD = `
WITH held AS MATERIALIZED (
  SELECT * FROM unnest($1::uuid[], $2::integer[]) AS h (task_id, fence)
), seen AS MATERIALIZED (
  SELECT t.id, t.fence, t.status FROM tasks t
  WHERE t.id = ANY ($1::uuid[])
  FOR NO KEY UPDATE SKIP LOCKED
), renewed AS (
  UPDATE tasks t SET lease_expires_at = now() + $3::integer * interval '1 ms', watched = $4
  FROM seen JOIN held ON held.task_id = seen.id AND held.fence = seen.fence
  WHERE t.id = seen.id AND seen.status = ${TaskStatus.PROCESSING}
)
SELECT t.id, t.fence FROM tasks t JOIN held ON held.task_id = t.id AND held.fence = t.fence
WHERE t.status = ${TaskStatus.PROCESSING}`
