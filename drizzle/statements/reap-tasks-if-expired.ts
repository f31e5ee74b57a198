import { TaskStatus } from '../contract/task-status.ts'
import type { Unrung } from './release-tasks-if-held.ts'
import type { Statement } from './statement.ts'
import { takeBack, upForLease } from './take-back.ts'

/**
 * Takes back tasks whose lease had run out by an earlier moment, as the database writes it. However
 * late the statement arrives, it takes nothing from holders that could have renewed since. Nothing is
 * reaped within one lease of the database's own start: its restart kills no worker. The caller rings
 * what comes back.
 */
export function reapTasksIfExpired(
  expiredBy: string,
  leaseMs: number,
  limit: number,
): Statement<Unrung> {
  return {
    name: 'reap-tasks-if-expired',
    text: REAP_TASKS_IF_EXPIRED,
    params: [expiredBy, leaseMs, limit],
  }
}

const REAP_TASKS_IF_EXPIRED = `
WITH expired AS MATERIALIZED (
  SELECT t.id FROM tasks t
  WHERE t.status = ${TaskStatus.PROCESSING} AND t.lease_expires_at < $1::timestamptz
    AND ${upForLease('$2')}
  ORDER BY t.id LIMIT $3::integer
  FOR UPDATE SKIP LOCKED
), ${takeBack('expired')}`
