import { ERROR_STATUS, type ErrorAnswer, type ErrorCode } from '../drizzle/contract/http-api.ts'

/** A refusal that the caller is told about. `message` is a sentence of ours, safe to show. */
export class ApiError extends Error {
  override name = 'ApiError'
  readonly code: ErrorCode
  readonly param: string | null
  /** Seconds after which the caller should try again. */
  readonly retryAfter: number | undefined

  constructor(code: ErrorCode, message: string, param: string | null = null, retryAfter?: number) {
    super(message)
    this.code = code
    this.param = param
    this.retryAfter = retryAfter
  }
}

/** The answer to a refusal: the envelope, its status and its headers. */
export function errorResponse(error: ApiError, requestId: string): Response {
  const status = ERROR_STATUS[error.code]
  const body: ErrorAnswer = {
    error: {
      code: error.code,
      type: status < 500 ? 'invalid_request_error' : 'api_error',
      message: error.message,
      param: error.param,
      request_id: requestId,
    },
  }
  // A response of our own takes over none of the headers that were set on the context before.
  const headers = new Headers({ 'X-Request-Id': requestId })
  // The rest of a body that is too large is never read, so the connection cannot be used again.
  if (error.code === 'payload_too_large') headers.set('Connection', 'close')
  if (error.code === 'unauthorized') headers.set('WWW-Authenticate', 'Bearer')
  if (error.retryAfter) headers.set('Retry-After', String(error.retryAfter))
  return Response.json(body, { status, headers })
}
