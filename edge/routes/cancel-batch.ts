import { z } from 'zod'
import { batch } from '../../drizzle/contract/http-api.ts'
import { cancelTasksIfOpen } from '../../drizzle/statements/cancel-tasks-if-open.ts'
import { batchNow } from '../as-now.ts'
import { idFromPath, json, type Operation } from '../operation.ts'
import { runKnowingly } from '../run-knowingly.ts'

export const cancelBatch: Operation = {
  access: 'owner',
  route: {
    method: 'post',
    path: '/v1/batches/{batch_id}/cancel',
    summary: 'Cancel all that a batch still waits for',
    description:
      'Its open tasks end at once, as by a cancel of each. A batch that has ended stays as it is.',
    tags: ['Chat'],
    request: { params: z.object({ batch_id: z.uuid() }) },
    answers: { 200: { description: 'The batch, which has ended.', content: json(batch) } },
    errors: ['not_found', 'unavailable'],
  },

  async handle(c) {
    const batchId = idFromPath(c, 'batch_id', 'batch')
    await runKnowingly(c.var.postgres, cancelTasksIfOpen(c.var.owner, { batchId }))
    return c.json(await batchNow(c, batchId))
  },
}
