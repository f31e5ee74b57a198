import type { Statement } from './statement.ts'

/** Deletes the text so far of tasks that were deleted: what was being saved when they were. */
export function deletePartials(taskIds: string[]): Statement<never> {
  return {
    name: 'delete-partials',
    text: 'DELETE FROM task_partials WHERE task_id = ANY ($1::uuid[])',
    params: [taskIds],
  }
}
