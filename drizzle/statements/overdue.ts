import { TaskStatus } from '../contract/task-status.ts'

/**
 * SQL for whether some worker should long have come to the task `t`: it is due, and no message of it
 * can still be on its way; or its holder is dead, and nobody has taken it.
 */
export const OVERDUE = `(CASE t.status
  WHEN ${TaskStatus.PENDING} THEN t.run_after <= now()
    AND coalesce(t.rung_at < now() - interval '10 s', true)
  WHEN ${TaskStatus.PROCESSING} THEN t.lease_expires_at < now() - interval '10 s'
  ELSE false END)`
