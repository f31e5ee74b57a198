import { z } from 'zod'
import {
  type Conversations,
  conversations,
  conversationsQuery,
} from '../../drizzle/contract/http-api.ts'
import { listConversations as listStatement } from '../../drizzle/statements/list-conversations.ts'
import { decodeCursor, encodeCursor } from '../cursor.ts'
import { check, json, type Operation } from '../operation.ts'

const place = z.object({
  changedUs: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER),
  conversationId: z.uuid(),
})

export const listConversations: Operation = {
  access: 'owner',
  route: {
    method: 'get',
    path: '/v1/conversations',
    summary: 'List conversations, the last changed first, or search in them',
    description: 'A page at a time: `next_cursor` leads to the next one, and is null on the last.',
    tags: ['Conversations'],
    request: { query: conversationsQuery },
    answers: { 200: { description: 'A page of them.', content: json(conversations) } },
    errors: ['invalid_request', 'unavailable'],
  },

  async handle(c) {
    const { limit, cursor, search } = check(conversationsQuery, c.req.query())
    const after = decodeCursor(place, cursor)
    const listed = { after, limit: limit + 1, search }
    const rows = await c.var.postgres.run(listStatement(c.var.owner, listed))
    const page = rows.slice(0, limit)
    const last = page.at(-1)
    const answer: Conversations = {
      conversations: page.map(({ changed_us: _, ...conversation }) => conversation),
      next_cursor:
        rows.length > limit && last
          ? encodeCursor({ changedUs: last.changed_us, conversationId: last.conversation_id })
          : null,
    }
    return c.json(answer)
  },
}
