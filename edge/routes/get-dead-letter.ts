import { z } from 'zod'
import { deadLetter } from '../../drizzle/contract/operators-api.ts'
import { findDeadLetter } from '../../drizzle/statements/find-dead-letter.ts'
import { idFromPath, json, notFound, type Operation } from '../operation.ts'

export const getDeadLetter: Operation = {
  access: 'operator',
  route: {
    method: 'get',
    path: '/v1/dead-letters/{dead_letter_id}',
    summary: 'Read a dead letter in full',
    description: 'With what the list leaves out: its payload, and its error in words.',
    tags: ['Operations'],
    request: { params: z.object({ dead_letter_id: z.uuid() }) },
    answers: { 200: { description: 'The dead letter.', content: json(deadLetter) } },
    errors: ['not_found', 'unavailable'],
  },

  async handle(c) {
    const id = idFromPath(c, 'dead_letter_id', 'dead letter')
    const [letter] = await c.var.postgres.run(findDeadLetter(id))
    if (!letter) throw notFound('dead letter')
    return c.json(letter)
  },
}
