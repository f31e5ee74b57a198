import type { Context } from 'hono'
import { z } from 'zod'
import { type SavedFile, savedFile } from '../../drizzle/contract/http-api.ts'
import { saveFile } from '../../drizzle/statements/save-file.ts'
import type { NewFile } from '../../drizzle/statements/submit-batch.ts'
import { afterAnswer } from '../after-answer.ts'
import { ApiError } from '../api-error.ts'
import { grantOf } from '../file-grant.ts'
import { DatabaseError } from '../neon.ts'
import { type AppEnv, json, type Operation } from '../operation.ts'
import { chunksOf } from '../request-body.ts'
import { runKnowingly } from '../run-knowingly.ts'
import { Uploads } from '../uploads.ts'
import { signedQuery } from './get-file.ts'

const MAX_PICTURE_BYTES = 20 * 1024 * 1024
const UNIQUE_VIOLATION = '23505'

export const putFile: Operation = {
  access: 'signed',
  route: {
    method: 'put',
    path: '/v1/files/{file_id}',
    summary: 'Store a picture that a model made',
    description: 'For workers, at a URL that they sign. What it is, is told by its content.',
    tags: ['Files'],
    request: {
      params: z.object({ file_id: z.uuid() }),
      query: signedQuery,
      body: {
        required: true,
        content: { 'image/*': { schema: z.string().meta({ format: 'binary' }) } },
      },
    },
    answers: { 201: { description: 'Stored, now or before.', content: json(savedFile) } },
    errors: [
      'invalid_request',
      'forbidden',
      'not_found',
      'payload_too_large',
      'unsupported_media_type',
      'unavailable',
    ],
  },

  async handle(c) {
    const { fileId, owner, objects } = await grantOf(c, 'PUT')
    const saving = save(c, new Uploads(objects), { fileId, owner })
    // A worker that hangs up would end it between two stores.
    afterAnswer(c, saving)
    return c.json(await saving, 201)
  },
}

async function save(
  c: Context<AppEnv>,
  uploads: Uploads,
  { fileId, owner }: { fileId: string; owner: string },
): Promise<SavedFile> {
  const { postgres, requestId } = c.var
  try {
    const file = await uploads.add('', chunksOf(c, MAX_PICTURE_BYTES), fileId)
    demandPicture(file)
    const [row] = await runKnowingly(postgres, saveFile(owner, file))
    if (row!.object_key !== file.objectKey) afterAnswer(c, uploads.discard(requestId))
    return { file_id: row!.id, type: file.type, bytes: file.bytes, sha256: file.sha256 }
  } catch (error) {
    afterAnswer(c, uploads.discardAfter(error, requestId))
    const refused = error instanceof DatabaseError && !error.outcomeUnknown
    if (refused && error.code === UNIQUE_VIOLATION) {
      throw new ApiError('invalid_request', 'file_id: another file has it', 'file_id')
    }
    throw error
  }
}

function demandPicture({ type, bytes }: NewFile): void {
  if (bytes === 0) throw new ApiError('invalid_request', 'The body is empty.')
  if (type.startsWith('image/')) return
  throw new ApiError('unsupported_media_type', `Only pictures are taken here, and this is ${type}.`)
}
