import { TaskStatus } from '../contract/task-status.ts'
import type { Unrung } from './release-tasks-if-held.ts'
import { SESSION_LOCKS } from './session-locks.ts'
import type { Statement } from './statement.ts'
import { takeBack, upForLease } from './take-back.ts'

/**
 * Takes back the tasks of watched holders whose session lock is gone, long before their lease ends.
 * `keys`: those that were missing on an earlier look too. Nothing is reaped within one lease of the
 * database's own start, which ends every session. The caller rings what comes back.
 */
export function reapTasksIfHolderMissing(
  keys: string[],
  leaseMs: number,
  limit: number,
): Statement<Unrung> {
  return {
    name: 'reap-tasks-if-holder-missing',
    text: REAP_TASKS_IF_HOLDER_MISSING,
    params: [keys, leaseMs, limit],
  }
}

const REAP_TASKS_IF_HOLDER_MISSING = `
WITH ${SESSION_LOCKS}, orphan AS MATERIALIZED (
  SELECT t.id FROM tasks t
  WHERE t.status = ${TaskStatus.PROCESSING} AND t.watched AND t.worker_key = ANY ($1::bigint[])
    AND t.worker_key NOT IN (SELECT key FROM session_lock)
    AND ${upForLease('$2')}
  ORDER BY t.id LIMIT $3::integer
  FOR UPDATE SKIP LOCKED
), ${takeBack('orphan')}`
