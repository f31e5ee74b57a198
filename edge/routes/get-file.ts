import { z } from 'zod'
import { findFile } from '../../drizzle/statements/find-file.ts'
import { markFileLost } from '../../drizzle/statements/mark-file-lost.ts'
import { grantOf } from '../file-grant.ts'
import { notFound, type Operation } from '../operation.ts'

/** What these hold is never run, whoever opens them: they are shown, the rest is saved. */
const SHOWN = /^image\/(png|jpeg|webp)$/

export const signedQuery = z.object({
  owner: z.string(),
  expires: z.string().meta({ description: 'Seconds since 1970.' }),
  signature: z.string(),
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
        description: 'Its bytes, under its own type.',
        content: { '*/*': { schema: z.string().meta({ format: 'binary' }) } },
      },
    },
    errors: ['forbidden', 'not_found', 'unavailable'],
  },

  async handle(c) {
    const { fileId, owner, objects } = await grantOf(c, 'GET')
    const [file] = await c.var.postgres.run(findFile(owner, fileId))
    if (!file) throw notFound('file')
    const object = await objects.get(file.object_key)
    if (!object) {
      await c.var.postgres.run(markFileLost(owner, fileId, file.object_key))
      throw notFound('file')
    }
    c.header('Content-Type', file.type === 'text/plain' ? 'text/plain; charset=utf-8' : file.type)
    c.header('Content-Length', String(file.bytes))
    c.header('Content-Disposition', SHOWN.test(file.type) ? 'inline' : 'attachment')
    c.header('X-Content-Type-Options', 'nosniff')
    c.header('Content-Security-Policy', "sandbox; default-src 'none'")
    // What an address stands for never changes.
    c.header('Cache-Control', 'private, max-age=3600, immutable')
    return c.body(object)
  },
}
