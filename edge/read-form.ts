import type { Context } from 'hono'
import { MAX_FILES } from '../drizzle/contract/file-ref.ts'
import { ApiError } from './api-error.ts'
import { fileNameOf } from './file-name.ts'
import { boundaryOf, MultipartError, type Part, readMultipart } from './multipart.ts'
import type { AppEnv } from './operation.ts'
import { chunksOf } from './request-body.ts'
import type { Uploads } from './uploads.ts'

/** Many more than there are fields and files. */
const MAX_PARTS = 100

/**
 * Reads a multipart form: its fields are returned, its files go to the store on the way. Both may come
 * in any order. `uploads` is undefined where files cannot be kept. Throws ApiError 400 or 413.
 */
export async function readForm(
  c: Context<AppEnv>,
  uploads: Uploads | undefined,
): Promise<Record<string, string>> {
  const { MAX_BODY_BYTES, MAX_UPLOAD_BYTES } = c.var.settings
  const limit = uploads ? Math.max(MAX_UPLOAD_BYTES, MAX_BODY_BYTES) : MAX_BODY_BYTES
  const form = new Form(MAX_BODY_BYTES, uploads)
  try {
    const boundary = boundaryOf(c.req.header('content-type') ?? '')
    for await (const part of readMultipart(chunksOf(c, limit), boundary)) await form.take(part)
  } catch (error) {
    if (!(error instanceof MultipartError)) throw error
    throw new ApiError('invalid_request', 'The multipart body could not be read.')
  }
  return form.fields
}

class Form {
  readonly fields: Record<string, string> = {}
  private readonly maxFieldBytes: number
  private readonly uploads: Uploads | undefined
  private fieldBytes = 0
  private parts = 0

  constructor(maxFieldBytes: number, uploads: Uploads | undefined) {
    this.maxFieldBytes = maxFieldBytes
    this.uploads = uploads
  }

  async take(part: Part): Promise<void> {
    if (++this.parts > MAX_PARTS) {
      throw new ApiError('invalid_request', `A form may have at most ${MAX_PARTS} parts.`)
    }
    if (part.filename === undefined) await this.takeField(part)
    else await this.takeFile(part.name, part.filename, part.body)
  }

  private async takeField({ name, body }: Part): Promise<void> {
    const decoder = new TextDecoder()
    let value = ''
    this.count(name.length)
    for await (const chunk of body) {
      this.count(chunk.length)
      value += decoder.decode(chunk, { stream: true })
    }
    value += decoder.decode()
    if (Object.hasOwn(this.fields, name)) throw refusal(name, 'given more than once')
    if (name === 'files' && value) throw refusal(name, 'attach files as files, with their names')
    // An optional field that was left blank was not given.
    if (value === '' && name !== 'prompt' && name !== 'model') return
    // Browsers turn every line break of a form field into CR LF.
    this.fields[name] = value.replaceAll('\r\n', '\n')
  }

  private count(bytes: number): void {
    this.fieldBytes += bytes
    if (this.fieldBytes <= this.maxFieldBytes) return
    const message = `The fields may have at most ${this.maxFieldBytes} bytes, files apart.`
    throw new ApiError('payload_too_large', message)
  }

  private async takeFile(field: string, filename: string, body: Part['body']): Promise<void> {
    const chunks = body[Symbol.asyncIterator]()
    const first = await chunks.next()
    // A browser sends an empty, nameless file for a file field that nobody filled.
    if (first.done && filename === '') return
    if (field !== 'files') throw refusal(field, 'files are taken in the field files only')
    const name = fileNameOf(filename)
    if (first.done) throw refusal('files', `"${name}" is empty`)
    if (!this.uploads) {
      throw refusal('files', 'files cannot be attached here, as this gateway has no place for them')
    }
    if (this.uploads.files.length === MAX_FILES) {
      throw refusal('files', `attach at most ${MAX_FILES} files`)
    }
    await this.uploads.add(name, startingWith(first.value, chunks))
  }
}

async function* startingWith(
  first: Uint8Array,
  rest: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  yield first
  yield* { [Symbol.asyncIterator]: () => rest }
}

function refusal(field: string, reason: string): ApiError {
  return new ApiError('invalid_request', `${field}: ${reason}`, field)
}
