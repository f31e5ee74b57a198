import { TaskStatus } from '../contract/task-status.ts'
import type { Unrung } from './release-tasks-if-held.ts'
import { SESSION_LOCKS } from './session-locks.ts'
import type { Statement } from './statement.ts'
import { takeBack, upForLease } from './take-back.ts'

/**
 * Who has not renewed for so long, in ms, and whose lock is gone, is dead.
 *
 * The living renew every 500 ms (`worker.ts`), and say there that they have lost their lock. One renewal
 * may be missed, where somebody else has the row locked, and the next be 100 ms late: 2 × 500 + 100.
 *
 * The dead are taken over within 2 s all the same, even if they have renewed at the moment of their
 * death. Their lock is missed on two looks, 500 ms apart, after 1,000 ms at most. From then on they are
 * tried every 100 ms, and are found after 1,200 ms at most; ring, read and claim have 800 ms.
 */
const UNRENEWED_MS = 1_100

/**
 * Takes back the tasks of watched holders whose session lock is gone and which no longer renew their
 * leases, long before those end. `keys`: those that were missing on an earlier look too. `leaseMs` is
 * that of all workers: where a holder's is longer, its tasks are taken later. Nothing is reaped within one lease of the
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
    AND t.lease_expires_at < now() + ($2::integer - ${UNRENEWED_MS}) * interval '1 ms'
    AND ${upForLease('$2')}
  ORDER BY t.id LIMIT $3::integer
  FOR UPDATE SKIP LOCKED
), ${takeBack('orphan')}`
