import { z } from 'zod'
import { batch } from '../../drizzle/contract/http-api.ts'
import { findBatch } from '../../drizzle/statements/find-batch.ts'
import { answerWhenChanged, notModified, versionHeaders } from '../answer-when-changed.ts'
import { batchAsAnswered } from '../as-answered.ts'
import { idFromPath, json, type Operation } from '../operation.ts'

export const getBatch: Operation = {
  access: 'owner',
  route: {
    method: 'get',
    path: '/v1/batches/{batch_id}',
    summary: 'Read a batch and its answers',
    description: 'While a model still writes, its result carries the text that there is so far.',
    tags: ['Chat'],
    request: { params: z.object({ batch_id: z.uuid() }), headers: versionHeaders },
    answers: { 200: { description: 'The batch.', content: json(batch) }, ...notModified },
    errors: ['not_found', 'unavailable'],
  },

  handle(c) {
    const { owner, postgres } = c.var
    const id = idFromPath(c, 'batch_id', 'batch')
    return answerWhenChanged(c, {
      what: 'batch',
      id,
      async find(known) {
        const [row] = await postgres.run(findBatch(owner, id, known))
        return row && { ...row, body: row.batch }
      },
      asAnswered: (stored) => batchAsAnswered(c, stored),
    })
  },
}
