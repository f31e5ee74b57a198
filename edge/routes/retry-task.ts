import { z } from 'zod'
import { task } from '../../drizzle/contract/http-api.ts'
import { TaskStatus } from '../../drizzle/contract/task-status.ts'
import { traceparentFrom } from '../../drizzle/contract/traceparent.ts'
import { retryTaskIfFailedOrCancelled } from '../../drizzle/statements/retry-task-if-failed-or-cancelled.ts'
import { ApiError } from '../api-error.ts'
import { taskNow } from '../as-now.ts'
import { log } from '../log.ts'
import { idFromPath, json, notFound, type Operation } from '../operation.ts'
import { limitsOf, overLimit } from '../over-limit.ts'
import { ringStored } from '../ring-stored.ts'
import { runKnowingly } from '../run-knowingly.ts'

export const retryTask: Operation = {
  access: 'owner',
  route: {
    method: 'post',
    path: '/v1/tasks/{task_id}/retry',
    summary: 'Ask a model once more, where it failed or was cancelled',
    description:
      'The task begins anew, and its batch is open again. It sees the conversation as its first try did. The limits of a submit hold.',
    tags: ['Chat'],
    request: { params: z.object({ task_id: z.uuid() }) },
    answers: { 202: { description: 'The task, which is open again.', content: json(task) } },
    errors: ['not_found', 'conflict', 'rate_limited', 'unavailable'],
  },

  async handle(c) {
    const id = idFromPath(c, 'task_id', 'task')
    const { owner, postgres, requestId, settings } = c.var
    const limits = limitsOf(settings)
    const traceparent = traceparentFrom(c.req.header('traceparent'))
    const retry = { owner, taskId: id, requestId, traceparent, limits }
    const [retried] = await runKnowingly(postgres, retryTaskIfFailedOrCancelled(retry))
    if (!retried) throw notFound('task')
    if (retried.refused) throw overLimit(retried.refused, limits)
    if (!retried.ring) throw new ApiError('conflict', whyNot(retried.old_status))
    log('info', 'task retried', { task_id: id, asked_by: retried.asked_by, request_id: requestId })
    const { task_id: taskId, ...more } = retried.ring
    await ringStored(c, [{ taskId, ...more }], { task_id: taskId })
    return c.json(await taskNow(c, id), 202)
  },
}

function whyNot(status: TaskStatus): string {
  return status === TaskStatus.SUCCESS
    ? 'This task has its answer: only one that failed or was cancelled can be tried again.'
    : 'This task waits or runs already.'
}
