import { AwsClient } from 'aws4fetch'
import { type ObjectStore, ObjectStoreError } from '../object-store.ts'
import { type PartedUpload, putInParts } from './put-in-parts.ts'

export type S3Settings = {
  endpoint: string
  bucket: string
  accessKeyId: string
  secretAccessKey: string
  region: string
}

/** How often a request is sent again that the service could not serve just now. */
const RETRIES = 2
/** For a request and the begin of its answer; a part of 5 MiB within it is 90 kB a second. */
const TIMEOUT_MS = 60_000

type Request = { method: string; body?: string | Uint8Array<ArrayBuffer> }
type Part = { number: number; etag: string }

/**
 * A bucket of any service that speaks S3, addressed by path. The requests are those of
 * https://docs.aws.amazon.com/AmazonS3/latest/API/, signed by version 4.
 */
export function openS3({ endpoint, bucket, ...credentials }: S3Settings): ObjectStore {
  const client = new AwsClient({ ...credentials, service: 's3', retries: RETRIES })
  const base = `${endpoint.replace(/\/+$/, '')}/${bucket}`

  async function send(key: string, query: string, request: Request): Promise<Response> {
    const abort = new AbortController()
    // Only until it begins to answer: whoever is sent a file may take longer over it.
    const timer = setTimeout(() => abort.abort(), TIMEOUT_MS)
    const init = { ...request, signal: abort.signal }
    const response = await client
      .fetch(`${base}/${key}${query}`, init)
      .catch(() => {
        throw new ObjectStoreError('unreachable')
      })
      .finally(() => clearTimeout(timer))
    if (response.ok || response.status === 404) return response
    await response.body?.cancel()
    throw new ObjectStoreError(String(response.status))
  }

  async function ask(key: string, query: string, request: Request): Promise<Response> {
    const response = await send(key, query, request)
    if (response.ok) return response
    await response.body?.cancel()
    throw new ObjectStoreError('404')
  }

  async function begin(key: string): Promise<PartedUpload<Part>> {
    const begun = await ask(key, '?uploads=', { method: 'POST' })
    const id = encodeURIComponent(elementIn(await begun.text(), 'UploadId'))
    return {
      async uploadPart(number, bytes) {
        const query = `?partNumber=${number}&uploadId=${id}`
        const answer = await ask(key, query, { method: 'PUT', body: sendable(bytes) })
        await answer.body?.cancel()
        return { number, etag: answer.headers.get('etag') ?? '' }
      },
      async complete(parts) {
        const body = completion(parts)
        const answer = await ask(key, `?uploadId=${id}`, { method: 'POST', body })
        // It may begin to answer 200 before it knows, and say in the body that it has failed.
        elementIn(await answer.text(), 'ETag')
      },
      async abort() {
        await (await send(key, `?uploadId=${id}`, { method: 'DELETE' })).body?.cancel()
      },
    }
  }

  return {
    async put(key, bytes) {
      await putInParts(bytes, {
        async whole(all) {
          await (await ask(key, '', { method: 'PUT', body: sendable(all) })).body?.cancel()
        },
        begin: () => begin(key),
      })
    },
    async get(key) {
      const response = await send(key, '', { method: 'GET' })
      if (response.ok && response.body) {
        return { stream: response.body, bytes: Number(response.headers.get('content-length')) }
      }
      await response.body?.cancel()
      return null
    },
    async delete(key) {
      await (await send(key, '', { method: 'DELETE' })).body?.cancel()
    },
  }
}

/** The text of an element, in answers that have it once. Throws where it is not there. */
function elementIn(xml: string, name: string): string {
  const text = new RegExp(`<${name}>([^<]+)</${name}>`).exec(xml)?.[1]
  if (text === undefined) throw new ObjectStoreError(`no ${name}`)
  return text
}

function completion(parts: Part[]): string {
  const lines = parts.map(
    ({ number, etag }) => `<Part><PartNumber>${number}</PartNumber><ETag>${etag}</ETag></Part>`,
  )
  return `<CompleteMultipartUpload>${lines.join('')}</CompleteMultipartUpload>`
}

function sendable(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return bytes as Uint8Array<ArrayBuffer>
}
