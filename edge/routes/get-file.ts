import { z } from 'zod'
import { findFile } from '../../drizzle/statements/find-file.ts'
import { markFileLost } from '../../drizzle/statements/mark-file-lost.ts'
import { contentDisposition } from '../content-disposition.ts'
import { headersNamed } from '../documented-headers.ts'
import { grantOf } from '../file-grant.ts'
import { notFound, type Operation } from '../operation.ts'

/** What these hold is never run, whoever opens them: they are shown, the rest is saved. */
const SHOWN = /^image\/(png|jpeg|webp|gif)$/
/** What a browser may run, or let lead elsewhere, goes out as bytes of no kind. */
const RUN = /html|xml|script|svg|mathml/i

export const signedQuery = z.object({
  owner: z.string().meta({ description: 'Whose it is.' }),
  expires: z.string().meta({ description: 'Seconds since 1970.' }),
  name: z.string().optional().meta({ description: 'What it is to be called where it is saved.' }),
  signature: z.string().meta({ description: 'Of all the others, by the gateway.' }),
})

export const getFile: Operation = {
  access: 'signed',
  route: {
    method: 'get',
    path: '/v1/files/{file_id}',
    summary: 'Fetch a file',
    description:
      'At the `url` that stands with the file in a batch or a task. It needs nothing else.',
    tags: ['Files'],
    request: { params: z.object({ file_id: z.uuid() }), query: signedQuery },
    answers: {
      200: {
        description:
          'Its bytes, under its own type, unless a browser might run it. Pictures (PNG, JPEG, WebP, GIF) are shown, all else is saved.',
        headers: headersNamed('Content-Disposition'),
        content: { '*/*': { schema: z.string().meta({ format: 'binary' }) } },
      },
    },
    errors: ['forbidden', 'not_found', 'unavailable'],
  },

  async handle(c) {
    const { fileId, owner, name, objects } = await grantOf(c, 'GET')
    const [file] = await c.var.postgres.run(findFile(owner, fileId))
    if (!file) throw notFound('file')
    const object = await objects.get(file.object_key)
    if (!object) {
      await c.var.postgres.run(markFileLost(owner, fileId, file.object_key))
      throw notFound('file')
    }
    const kind = SHOWN.test(file.type) ? 'inline' : 'attachment'
    c.header('Content-Type', contentTypeOf(file.type))
    c.header('Content-Length', String(file.bytes))
    c.header('Content-Disposition', name === undefined ? kind : contentDisposition(kind, name))
    // Its address is its key: whoever has that may show it, on what page ever.
    c.header('Cross-Origin-Resource-Policy', 'cross-origin')
    c.header('Content-Security-Policy', "default-src 'none'; sandbox")
    // What an address stands for never changes.
    c.header('Cache-Control', 'private, max-age=3600, immutable')
    return c.body(object)
  },
}

function contentTypeOf(type: string): string {
  if (type === 'text/plain') return 'text/plain; charset=utf-8'
  return RUN.test(type) ? 'application/octet-stream' : type
}
