import { type StoredTask, TASK_AND_PARTIAL, TASK_AS_JSON } from './as-json.ts'
import { OVERDUE } from './overdue.ts'
import type { Statement } from './statement.ts'

/** `overdue`: it waits though it is due, and the workers should look. */
export type FoundTask = { task: StoredTask; overdue: boolean }

/** One of an owner's tasks; no row where there is none. */
export function findTask(owner: string, taskId: string): Statement<FoundTask> {
  return { name: 'find-task', text: FIND_TASK, params: [owner, taskId] }
}

const FIND_TASK = `
SELECT ${TASK_AS_JSON} AS task, ${OVERDUE} AS overdue
FROM ${TASK_AND_PARTIAL} WHERE t.owner = $1 AND t.id = $2::uuid`
