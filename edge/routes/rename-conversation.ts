import { z } from 'zod'
import { type Conversation, conversation, renameRequest } from '../../drizzle/contract/http-api.ts'
import { renameConversation as renameStatement } from '../../drizzle/statements/rename-conversation.ts'
import { idFromPath, json, notFound, type Operation } from '../operation.ts'
import { readCheckedJson } from '../read-json.ts'
import { runKnowingly } from '../run-knowingly.ts'

export const renameConversation: Operation = {
  access: 'owner',
  route: {
    method: 'patch',
    path: '/v1/conversations/{conversation_id}',
    summary: 'Give a conversation another title',
    description: 'Its place in the list stays: `updated_at` is the time of its last prompt.',
    tags: ['Conversations'],
    request: {
      params: z.object({ conversation_id: z.uuid() }),
      body: { required: true, content: json(renameRequest) },
    },
    answers: { 200: { description: 'The conversation.', content: json(conversation) } },
    errors: [
      'invalid_request',
      'not_found',
      'payload_too_large',
      'unsupported_media_type',
      'unavailable',
    ],
  },

  async handle(c) {
    const id = idFromPath(c, 'conversation_id', 'conversation')
    const { title } = await readCheckedJson(c, renameRequest)
    const { owner, postgres } = c.var
    const [renamed] = await runKnowingly(postgres, renameStatement(owner, id, title))
    if (!renamed) throw notFound('conversation')
    return c.json(renamed satisfies Conversation)
  },
}
