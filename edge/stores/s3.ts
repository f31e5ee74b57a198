import { AwsClient } from 'aws4fetch'
import { type ObjectStore, ObjectStoreError } from '../object-store.ts'
import { type PartedUpload, putInParts } from './put-in-parts.ts'
import { withoutCopy } from './without-copy.ts'

export type S3Settings = {
  endpoint: string
  bucket: string
  accessKeyId: string
  secretAccessKey: string
  region: string
}

/** Waits before a request is sent again that the service could not serve just now, in ms. */
const AGAIN_AFTER_MS = [100, 500]
/** For a request and the begin of its answer; a part of 5 MiB within it is 90 kB a second. */
const TIMEOUT_MS = 60_000

type Request = { method: string; body?: string | Uint8Array }
type Part = { number: number; etag: string }

/**
 * A bucket of any service that speaks S3, addressed by path. The requests are those of
 * https://docs.aws.amazon.com/AmazonS3/latest/API/, signed by version 4.
 */
export function openS3({ endpoint, bucket, ...credentials }: S3Settings): ObjectStore {
  const client = new AwsClient({ ...credentials, service: 's3', retries: 0 })
  const base = `${endpoint.replace(/\/+$/, '')}/${bucket}`

  /** One try. Throws where there is no answer, or one that a later try may better. */
  async function attempt(address: string, { method, body }: Request): Promise<Response> {
    const abort = new AbortController()
    // Only until it begins to answer: whoever is sent a file may take longer over it.
    const timer = setTimeout(() => abort.abort(), TIMEOUT_MS)
    const sent = body instanceof Uint8Array ? withoutCopy(body) : body
    const init = { method, body: sent as BodyInit, signal: abort.signal }
    const response = await client
      .fetch(address, init)
      .catch(() => {
        throw new ObjectStoreError('unreachable')
      })
      .finally(() => clearTimeout(timer))
    if (response.status < 500 && response.status !== 429) return response
    await response.body?.cancel()
    throw new ObjectStoreError(String(response.status))
  }

  async function send(key: string, query: string, request: Request): Promise<Response> {
    const address = `${base}/${key}${query}`
    for (const wait of AGAIN_AFTER_MS) {
      const response = await attempt(address, request).catch(() => undefined)
      if (response) return response
      await new Promise((resolve) => setTimeout(resolve, wait))
    }
    return attempt(address, request)
  }

  /** For all that is answered in a few words. Throws for an answer that is no success. */
  async function ask(key: string, query: string, request: Request) {
    const response = await send(key, query, request)
    const text = await response.text().catch(() => {
      throw new ObjectStoreError('unreachable')
    })
    if (!response.ok) throw new ObjectStoreError(String(response.status))
    return { text, etag: response.headers.get('etag') ?? '' }
  }

  async function begin(key: string): Promise<PartedUpload<Part>> {
    const { text } = await ask(key, '?uploads=', { method: 'POST' })
    const query = `uploadId=${encodeURIComponent(elementIn(text, 'UploadId'))}`
    return {
      async uploadPart(number, body) {
        const { etag } = await ask(key, `?partNumber=${number}&${query}`, { method: 'PUT', body })
        return { number, etag }
      },
      async complete(parts) {
        const body = completion(parts)
        // It may begin to answer 200 before it knows, and say in the body that it has failed.
        elementIn((await ask(key, `?${query}`, { method: 'POST', body })).text, 'ETag')
      },
      abort: () => ask(key, `?${query}`, { method: 'DELETE' }),
    }
  }

  return {
    async put(key, bytes) {
      await putInParts(bytes, {
        whole: (body) => ask(key, '', { method: 'PUT', body }),
        begin: () => begin(key),
      })
    },
    async get(key) {
      const response = await send(key, '', { method: 'GET' })
      if (response.ok && response.body) return response.body
      await response.body?.cancel()
      if (response.status === 404) return null
      throw new ObjectStoreError(String(response.status))
    },
    async delete(key) {
      await ask(key, '', { method: 'DELETE' })
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
