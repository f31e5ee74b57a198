import { z } from 'zod'
import { batch, chooseRequest } from '../../drizzle/contract/http-api.ts'
import { chooseAnswerIfNewest } from '../../drizzle/statements/choose-answer-if-newest.ts'
import { ApiError } from '../api-error.ts'
import { batchNow } from '../as-now.ts'
import { idFromPath, json, notFound, type Operation } from '../operation.ts'
import { readCheckedJson } from '../read-json.ts'
import { runKnowingly } from '../run-knowingly.ts'

export const chooseAnswer: Operation = {
  access: 'owner',
  route: {
    method: 'post',
    path: '/v1/batches/{batch_id}/choose',
    summary: 'Choose the answer that the conversation goes on with',
    description:
      'Later turns carry it for every model, in place of its own. It can be chosen, and taken back, until the next prompt: what later turns have seen does not change.',
    tags: ['Chat'],
    request: {
      params: z.object({ batch_id: z.uuid() }),
      body: { required: true, content: json(chooseRequest) },
    },
    answers: { 200: { description: 'The batch.', content: json(batch) } },
    errors: [
      'invalid_request',
      'not_found',
      'conflict',
      'payload_too_large',
      'unsupported_media_type',
      'unavailable',
    ],
  },

  async handle(c) {
    const id = idFromPath(c, 'batch_id', 'batch')
    const { task_id: taskId } = await readCheckedJson(c, chooseRequest)
    const { owner, postgres } = c.var
    const [choice] = await runKnowingly(postgres, chooseAnswerIfNewest(owner, id, taskId))
    switch (choice?.verdict) {
      case undefined:
        throw notFound('batch')
      case 'foreign':
        throw new ApiError('invalid_request', 'task_id: no task of this batch', 'task_id')
      case 'unanswered':
        throw new ApiError('conflict', 'This task has no answer to choose.', 'task_id')
      case 'past':
        throw new ApiError(
          'conflict',
          'The conversation has gone on: an answer is chosen before the next prompt.',
        )
    }
    return c.json(await batchNow(c, id))
  },
}
