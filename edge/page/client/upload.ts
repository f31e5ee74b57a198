import type { File as StoredFile, UploadedFiles } from '../../../drizzle/contract/http-api.ts'
import { ApiError } from './api-error.ts'
import { asVisitor } from './session.ts'

/** 50 MB by a slow line. */
const UPLOAD_TIMEOUT_MS = 900_000

type Watch = {
  signal: AbortSignal
  /** Hears how much has gone out, from 0 to 1. */
  onProgress(part: number): void
}

/**
 * Uploads one file ahead of the prompt that will name it. By XMLHttpRequest, because `fetch` does not
 * say how far it is. Rejects with an ApiError, or with the signal's reason when it aborts.
 */
export async function uploadFile(file: File, watch: Watch): Promise<StoredFile> {
  const { status, response, retryAfter } = await asVisitor(() => send(file, watch), watch.signal)
  if (status !== 201) throw ApiError.of(response, status, retryAfter)
  return (response as UploadedFiles).files[0]!
}

type Answer = { status: number; response: unknown; retryAfter: string | null }

function send(file: File, { signal, onProgress }: Watch): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  const upload = new XMLHttpRequest()
  upload.open('POST', '/v1/files')
  upload.responseType = 'json'
  upload.timeout = UPLOAD_TIMEOUT_MS
  upload.setRequestHeader('accept', 'application/json')
  upload.upload.onprogress = ({ loaded, total }) => onProgress(total > 0 ? loaded / total : 0)
  upload.onload = () =>
    resolve({
      status: upload.status,
      response: upload.response,
      retryAfter: upload.getResponseHeader('retry-after'),
    })
  upload.onerror = upload.ontimeout = () => reject(ApiError.unreachable())
  upload.onabort = () => reject(signal.reason)
  const abort = () => upload.abort()
  signal.addEventListener('abort', abort)
  const body = new FormData()
  body.set('files', file)
  upload.send(body)
  return promise.finally(() => signal.removeEventListener('abort', abort))
}
