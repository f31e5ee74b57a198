import type { Task } from '../contract/http-api.ts'
import { TASK_AND_PARTIAL, TASK_AS_JSON } from './as-json.ts'
import type { Statement } from './statement.ts'

/** One of an owner's tasks; no row where there is none. */
export function findTask(owner: string, taskId: string): Statement<{ task: Task }> {
  return {
    name: 'find-task',
    text: `SELECT ${TASK_AS_JSON} AS task FROM ${TASK_AND_PARTIAL}
      WHERE t.owner = $1 AND t.id = $2::uuid`,
    params: [owner, taskId],
  }
}
