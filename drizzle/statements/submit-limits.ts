import { TaskStatus } from '../contract/task-status.ts'

/** How much may be under way when a submit comes; 0: any number. */
export type SubmitLimits = {
  /** Tasks of one owner that have not ended. */
  openTasks: number
  /** Tasks of one family that nobody has claimed. */
  queueDepth: number
}

export type BrokenLimit = 'open_tasks' | 'queue_depth'

/**
 * SQL for the limit that these new tasks, one a family named, would break, or NULL. Each count ends at its
 * limit, and so does its cost. Submits of the same moment do not see each other: a limit may be
 * overshot by as many tasks as those have.
 *
 * The owner is asked for as a range, in order; with `=` the order would mean nothing. Without one the
 * planner read the whole table after a burst, as it believed most tasks to be open still.
 */
export const brokenLimit = (param: {
  owner: string
  families: string
  openTasks: string
  queueDepth: string
}) => `CASE
    WHEN ${param.openTasks}::integer > 0 AND cardinality(${param.families}::text[]) + (
        SELECT count(*) FROM (
          SELECT FROM tasks t
          WHERE t.owner >= ${param.owner} AND t.owner <= ${param.owner}
            AND t.status IN (${TaskStatus.PENDING}, ${TaskStatus.PROCESSING})
          ORDER BY t.owner LIMIT ${param.openTasks}::integer) open_task) > ${param.openTasks}::integer
      THEN 'open_tasks'
    WHEN ${param.queueDepth}::integer > 0 AND EXISTS (
        SELECT FROM (
          SELECT family, count(*) AS tasks FROM unnest(${param.families}::text[]) AS f (family)
          GROUP BY family) added
        WHERE added.tasks + (
          SELECT count(*) FROM (
            SELECT FROM tasks t WHERE t.family = added.family AND t.status = ${TaskStatus.PENDING}
            ORDER BY t.rung_at LIMIT ${param.queueDepth}::integer) queued) > ${param.queueDepth}::integer)
      THEN 'queue_depth'
  END`
