import type { Context } from 'hono'
import { z } from 'zod'
import { MAX_FILES } from '../../drizzle/contract/file-ref.ts'
import { type UploadedFiles, uploadedFiles } from '../../drizzle/contract/http-api.ts'
import type { StoredFile } from '../../drizzle/statements/as-json.ts'
import { saveUploads } from '../../drizzle/statements/save-uploads.ts'
import { afterAnswer } from '../after-answer.ts'
import { ApiError } from '../api-error.ts'
import { withUrls } from '../file-urls.ts'
import { mediaTypeOf } from '../media-type.ts'
import { type AppEnv, json, type Operation } from '../operation.ts'
import { readForm } from '../read-form.ts'
import { runKnowingly } from '../run-knowingly.ts'
import { Uploads } from '../uploads.ts'

export const uploadFiles: Operation = {
  access: 'owner',
  route: {
    method: 'post',
    path: '/v1/files',
    summary: 'Upload files ahead of a prompt',
    description:
      'A submit then names them in `file_ids`. A file that no prompt has used for 24 hours may be forgotten.',
    tags: ['Files'],
    request: {
      body: {
        required: true,
        content: {
          'multipart/form-data': {
            schema: z.object({
              files: z
                .array(z.string().meta({ format: 'binary' }))
                .min(1)
                .max(MAX_FILES),
            }),
          },
        },
      },
    },
    answers: {
      201: {
        description: 'Stored. Content that you have already keeps its id.',
        content: json(uploadedFiles),
      },
    },
    errors: ['invalid_request', 'payload_too_large', 'unsupported_media_type', 'unavailable'],
  },

  async handle(c) {
    if (mediaTypeOf(c) !== 'multipart/form-data') {
      throw new ApiError('unsupported_media_type', 'Send the files as multipart/form-data.')
    }
    const saving = save(c)
    // A client that hangs up would end it between two stores.
    afterAnswer(c, saving)
    const answer: UploadedFiles = { files: await withUrls(c, await saving) }
    // Who brings files sees to it that those which nobody used do not pile up.
    afterAnswer(c, c.var.leftovers.forget(c.var))
    return c.json(answer, 201)
  },
}

async function save(c: Context<AppEnv>): Promise<StoredFile[]> {
  const { files: store, postgres, owner, requestId } = c.var
  const uploads = store && new Uploads(store.objects)
  try {
    await readForm(c, uploads)
    if (!uploads || uploads.files.length === 0) {
      throw new ApiError('invalid_request', 'files: attach at least one file', 'files')
    }
    const saved = await runKnowingly(postgres, saveUploads(owner, uploads.files))
    const unused = saved.flatMap(({ unused }) => unused ?? [])
    if (unused.length > 0) afterAnswer(c, uploads.discard(requestId, unused))
    return saved.map(({ unused: _, ...file }) => file)
  } catch (error) {
    if (uploads) afterAnswer(c, uploads.discardAfter(error, requestId))
    throw error
  }
}
