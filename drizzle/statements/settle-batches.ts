import { TaskStatus } from '../contract/task-status.ts'

const isOpen = (status: string) => `${status} IN (${TaskStatus.PENDING}, ${TaskStatus.PROCESSING})`

/** SQL for how much one status adds to a count: the rows that are it now, less those that were. */
const change = (test: (column: string) => string) =>
  `count(*) FILTER (WHERE ${test('new_status')}) - count(*) FILTER (WHERE ${test('old_status')})`

const is = (status: TaskStatus) => (column: string) => `${column} = ${status}`

/**
 * CTEs that move the counters of batches by arithmetic when tasks have moved. Every statement that
 * takes a task into or out of an end state ends with them.
 *
 * `moved` names a CTE with (batch_id, old_status, new_status), one row a task. It is summed by batch
 * first, as `UPDATE … FROM` with two tasks of one batch would count only one; the batch rows are
 * locked by id, after the tasks. `also` is SQL for what else of a batch is set.
 */
export function settleBatches(moved: string, also: readonly string[] = []): string {
  const more = also.map((assignment) => `${assignment},\n    `).join('')
  return `batch_change AS MATERIALIZED (
  SELECT batch_id,
    ${change(isOpen)} AS open,
    ${change(is(TaskStatus.SUCCESS))} AS success,
    ${change(is(TaskStatus.FAILED))} AS failed,
    ${change(is(TaskStatus.CANCELLED))} AS cancelled
  FROM ${moved} GROUP BY batch_id
), batch_locked AS MATERIALIZED (
  SELECT b.id FROM batches b
  WHERE b.id IN (SELECT batch_id FROM batch_change)
  ORDER BY b.id FOR UPDATE
), batch_settled AS (
  UPDATE batches b SET
    version = b.version + 1,
    ${more}open_tasks = b.open_tasks + c.open,
    success_tasks = b.success_tasks + c.success,
    failed_tasks = b.failed_tasks + c.failed,
    cancelled_tasks = b.cancelled_tasks + c.cancelled,
    finished_at = CASE WHEN b.open_tasks + c.open = 0 THEN now() END
  FROM batch_change c JOIN batch_locked l ON l.id = c.batch_id
  WHERE b.id = c.batch_id
  RETURNING b.id
)`
}
