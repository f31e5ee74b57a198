import { z } from 'zod'
import { batch } from '../../drizzle/contract/http-api.ts'
import { findBatch } from '../../drizzle/statements/find-batch.ts'
import { batchAsAnswered } from '../as-answered.ts'
import { idFromPath, json, notFound, type Operation } from '../operation.ts'
import { wakeWorkers } from '../wake-workers.ts'

export const getBatch: Operation = {
  access: 'owner',
  route: {
    method: 'get',
    path: '/v1/batches/{batch_id}',
    summary: 'Read a batch and its answers',
    description: 'While a model still writes, its result carries the text that there is so far.',
    tags: ['Chat'],
    request: { params: z.object({ batch_id: z.uuid() }) },
    answers: { 200: { description: 'The batch.', content: json(batch) } },
    errors: ['not_found', 'unavailable'],
  },

  async handle(c) {
    const id = idFromPath(c, 'batch_id', 'batch')
    const [row] = await c.var.postgres.run(findBatch(c.var.owner, id))
    if (!row) throw notFound('batch')
    if (row.overdue) wakeWorkers(c)
    return c.json(await batchAsAnswered(c, row.batch))
  },
}
