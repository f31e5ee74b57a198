import { TaskStatus } from '../contract/task-status.ts'

/** SQL for whether the task `t` waits though it is due, and no message of it can still be on its way. */
export const OVERDUE = `(t.status = ${TaskStatus.PENDING} AND t.run_after <= now()
  AND coalesce(t.rung_at < now() - interval '10 s', true))`
