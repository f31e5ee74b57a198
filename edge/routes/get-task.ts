import { z } from 'zod'
import { task } from '../../drizzle/contract/http-api.ts'
import { findTask } from '../../drizzle/statements/find-task.ts'
import { answerWhenChanged, notModified, versionHeaders } from '../answer-when-changed.ts'
import { resultAsAnswered } from '../as-answered.ts'
import { idFromPath, json, type Operation } from '../operation.ts'

export const getTask: Operation = {
  access: 'owner',
  route: {
    method: 'get',
    path: '/v1/tasks/{task_id}',
    summary: 'Read one task',
    tags: ['Chat'],
    request: { params: z.object({ task_id: z.uuid() }), headers: versionHeaders },
    answers: { 200: { description: 'The task.', content: json(task) }, ...notModified },
    errors: ['not_found', 'unavailable'],
  },

  handle(c) {
    const { owner, postgres } = c.var
    const id = idFromPath(c, 'task_id', 'task')
    return answerWhenChanged(c, {
      what: 'task',
      id,
      async find(known) {
        const [row] = await postgres.run(findTask(owner, id, known))
        return row && { ...row, body: row.task }
      },
      asAnswered: (stored) => resultAsAnswered(c, stored),
    })
  },
}
