import { z } from 'zod'
import { task } from '../../drizzle/contract/http-api.ts'
import { cancelTasksIfOpen } from '../../drizzle/statements/cancel-tasks-if-open.ts'
import { taskNow } from '../as-now.ts'
import { idFromPath, json, type Operation } from '../operation.ts'
import { runKnowingly } from '../run-knowingly.ts'

export const cancelTask: Operation = {
  access: 'owner',
  route: {
    method: 'post',
    path: '/v1/tasks/{task_id}/cancel',
    summary: 'Cancel a task',
    description:
      'It ends at once, and keeps the text that there is so far; its call to the model is aborted within two seconds. A task that has ended stays as it is.',
    tags: ['Chat'],
    request: { params: z.object({ task_id: z.uuid() }) },
    answers: { 200: { description: 'The task, which has ended.', content: json(task) } },
    errors: ['not_found', 'unavailable'],
  },

  async handle(c) {
    const id = idFromPath(c, 'task_id', 'task')
    await runKnowingly(c.var.postgres, cancelTasksIfOpen(c.var.owner, { taskIds: [id] }))
    return c.json(await taskNow(c, id))
  },
}
