import { z } from 'zod'
import { task } from '../../drizzle/contract/http-api.ts'
import { findTask } from '../../drizzle/statements/find-task.ts'
import { resultAsAnswered } from '../as-answered.ts'
import { idFromPath, json, notFound, type Operation } from '../operation.ts'
import { wakeWorkers } from '../wake-workers.ts'

export const getTask: Operation = {
  access: 'owner',
  route: {
    method: 'get',
    path: '/v1/tasks/{task_id}',
    summary: 'Read one task',
    tags: ['Chat'],
    request: { params: z.object({ task_id: z.uuid() }) },
    answers: { 200: { description: 'The task.', content: json(task) } },
    errors: ['not_found', 'unavailable'],
  },

  async handle(c) {
    const id = idFromPath(c, 'task_id', 'task')
    const [row] = await c.var.postgres.run(findTask(c.var.owner, id))
    if (!row) throw notFound('task')
    if (row.overdue) wakeWorkers(c)
    return c.json(await resultAsAnswered(c, row.task))
  },
}
