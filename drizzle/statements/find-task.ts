import { type StoredTask, TASK_AND_PARTIAL, TASK_AS_JSON } from './as-json.ts'
import type { Statement } from './statement.ts'
import { type Known, knownParams, NOTHING_KNOWN, seenOf } from './tags.ts'

/**
 * `task`: null where the reader knows the tag. `overdue`: it waits though it is due, and the workers
 * should look.
 */
export type FoundTask = { tag: string; ended: boolean; overdue: boolean; task: StoredTask | null }

/** One of an owner's tasks, made only where the reader does not know it; no row where there is none. */
export function findTask(
  owner: string,
  taskId: string,
  known: Known = NOTHING_KNOWN,
): Statement<FoundTask> {
  return { name: 'find-task', text: FIND_TASK, params: [owner, taskId, ...knownParams(known)] }
}

const FIND_TASK = `
SELECT seen.tag, seen.ended, seen.overdue,
  CASE WHEN NOT seen.known THEN (SELECT ${TASK_AS_JSON} FROM ${TASK_AND_PARTIAL}
    WHERE t.id = asked.id) END AS task
FROM tasks asked JOIN batches b ON b.id = asked.batch_id
CROSS JOIN ${seenOf('t.id = asked.id')}
WHERE asked.owner = $1 AND asked.id = $2::uuid`
