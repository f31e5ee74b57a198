import { TaskStatus } from '../contract/task-status.ts'
import { SESSION_LOCKS } from './session-locks.ts'
import type { Statement } from './statement.ts'

/**
 * One look at the session locks of the workers. `missing`: keys of watched holders of tasks whose
 * lock is gone; `present`: all keys whose lock is held. A worker that is reconnecting may be missing
 * for a moment: only who is missing on two looks counts as dead.
 */
export function findMissingHolders(): Statement<{ missing: string[]; present: string[] }> {
  return { name: 'find-missing-holders', text: FIND_MISSING_HOLDERS, params: [] }
}

const FIND_MISSING_HOLDERS = `
WITH ${SESSION_LOCKS}, holder AS MATERIALIZED (
  SELECT DISTINCT t.worker_key AS key FROM tasks t
  WHERE t.status = ${TaskStatus.PROCESSING} AND t.watched
)
SELECT
  ARRAY(SELECT key::text FROM holder WHERE key NOT IN (SELECT key FROM session_lock)) AS missing,
  ARRAY(SELECT key::text FROM session_lock) AS present`
