import { z } from 'zod'
import { type History, history, listQuery } from '../../drizzle/contract/http-api.ts'
import { findHistory } from '../../drizzle/statements/find-history.ts'
import { batchAsAnswered } from '../as-answered.ts'
import { decodeCursor, encodeCursor } from '../cursor.ts'
import { check, idFromPath, json, notFound, type Operation } from '../operation.ts'

const place = z.object({ turn: z.number().int().min(0).max(2_147_483_647) })

export const getHistory: Operation = {
  access: 'owner',
  route: {
    method: 'get',
    path: '/v1/conversations/{conversation_id}/history',
    summary: 'Read a conversation, oldest batch first',
    description: 'A page may have fewer batches than its limit where their answers are long.',
    tags: ['Conversations'],
    request: { params: z.object({ conversation_id: z.uuid() }), query: listQuery },
    answers: { 200: { description: 'A page of it.', content: json(history) } },
    errors: ['invalid_request', 'not_found', 'unavailable'],
  },

  async handle(c) {
    const id = idFromPath(c, 'conversation_id', 'conversation')
    const { limit, cursor } = check(listQuery, c.req.query())
    const after = decodeCursor(place, cursor)
    const page = { afterTurn: after?.turn ?? 0, limit }
    const rows = await c.var.postgres.run(findHistory(c.var.owner, id, page))
    const first = rows[0]
    if (!first) throw notFound('conversation')
    const lastTurn = rows.at(-1)!.turn
    const batches = rows.flatMap(({ batch }) => (batch ? [batchAsAnswered(c, batch)] : []))
    const answer: History = {
      conversation_id: id,
      title: first.title,
      batches: await Promise.all(batches),
      next_cursor:
        lastTurn !== null && lastTurn < first.turns ? encodeCursor({ turn: lastTurn }) : null,
    }
    return c.json(answer)
  },
}
