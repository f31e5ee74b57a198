import { z } from 'zod'
import { purged } from '../../drizzle/contract/operators-api.ts'
import { idFromPath, json, notFound, type Operation } from '../operation.ts'
import { purgeLetters } from '../purge-letters.ts'

export const purgeDeadLetter: Operation = {
  access: 'operator',
  route: {
    method: 'delete',
    path: '/v1/dead-letters/{dead_letter_id}',
    summary: 'Delete a dead letter',
    description: 'Its task stays as it is; only the way back by a replay is gone.',
    tags: ['Operations'],
    request: { params: z.object({ dead_letter_id: z.uuid() }) },
    answers: { 200: { description: 'Deleted.', content: json(purged) } },
    errors: ['not_found', 'unavailable'],
  },

  async handle(c) {
    const id = idFromPath(c, 'dead_letter_id', 'dead letter')
    const which = { ids: [id], kind: null, olderThanDays: null, replayed: false }
    const answer = await purgeLetters(c, which)
    if (answer.purged === 0) throw notFound('dead letter')
    return c.json(answer)
  },
}
