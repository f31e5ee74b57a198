import { z } from 'zod'
import {
  type DeadLettersAnswer,
  deadLetters,
  deadLettersQuery,
} from '../../drizzle/contract/operators-api.ts'
import { listDeadLetters as listStatement } from '../../drizzle/statements/list-dead-letters.ts'
import { decodeCursor, encodeCursor } from '../cursor.ts'
import { check, json, type Operation } from '../operation.ts'

const place = z.object({ after: z.uuid() })

export const listDeadLetters: Operation = {
  access: 'operator',
  route: {
    method: 'get',
    path: '/v1/dead-letters',
    summary: 'List the dead letters, newest first',
    description: 'Of tasks that have failed for good, and of messages that could not be used.',
    tags: ['Operations'],
    request: { query: deadLettersQuery },
    answers: { 200: { description: 'A page of them.', content: json(deadLetters) } },
    errors: ['invalid_request', 'unavailable'],
  },

  async handle(c) {
    const { limit, cursor, kind = null } = check(deadLettersQuery, c.req.query())
    const after = decodeCursor(place, cursor)?.after ?? null
    const asked = { after, kind, writtenBy: null, unreplayed: false }
    const rows = await c.var.postgres.run(listStatement(asked, limit + 1))
    const page = rows.slice(0, limit)
    const answer: DeadLettersAnswer = {
      dead_letters: page,
      next_cursor: rows.length > limit ? encodeCursor({ after: page.at(-1)!.id }) : null,
    }
    return c.json(answer)
  },
}
