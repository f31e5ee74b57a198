import { z } from 'zod'
import { exportedConversation, exportQuery } from '../../drizzle/contract/http-api.ts'
import { attachment } from '../attachment.ts'
import { headersNamed } from '../documented-headers.ts'
import { JSON_EXPORT } from '../exports/json.ts'
import { MARKDOWN_EXPORT } from '../exports/markdown.ts'
import { streamOf, turnsFrom } from '../exports/stream.ts'
import { check, idFromPath, json, type Operation } from '../operation.ts'

const FORMATS = { json: JSON_EXPORT, markdown: MARKDOWN_EXPORT }

export const exportConversation: Operation = {
  access: 'owner',
  route: {
    method: 'get',
    path: '/v1/conversations/{conversation_id}/export',
    summary: 'Download a whole conversation',
    description:
      'As JSON, with all that is known of it; or as Markdown, with prompts and answers only. Where it breaks off, so does the connection.',
    tags: ['Conversations'],
    request: { params: z.object({ conversation_id: z.uuid() }), query: exportQuery },
    answers: {
      200: {
        description: 'A file to save.',
        headers: headersNamed('Content-Disposition'),
        content: {
          ...json(exportedConversation),
          'text/markdown': { schema: z.string() },
        },
      },
    },
    errors: ['invalid_request', 'not_found', 'unavailable'],
  },

  async handle(c) {
    const id = idFromPath(c, 'conversation_id', 'conversation')
    const format = FORMATS[check(exportQuery, c.req.query()).format]
    const { head, turns } = await turnsFrom(c, id)
    c.header('Content-Type', format.type)
    c.header('Content-Disposition', attachment(head.title, format.extension))
    c.header('Cache-Control', 'private, no-store')
    return c.body(streamOf(c, format.parts(head, turns)))
  },
}
