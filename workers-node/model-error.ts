import {
  AISDKError,
  APICallError,
  InvalidResponseDataError,
  JSONParseError,
  TypeValidationError,
} from '@ai-sdk/provider'
import { StreamProviderError } from 'ai'
import type { TaskErrorCode } from '../drizzle/contract/task-error-code.ts'
import { retryAfterMs } from './retry-after.ts'

/** What is to be known of a call that failed. */
export type ModelFault = {
  code: TaskErrorCode
  /** Whether another try is worthwhile. */
  retryable: boolean
  /** The rest that the service asked for, in ms, at most an hour; a task waits for less. */
  retryAfterMs: number | null
  /** What it says of the node: `rest` is a 429 that says until when; null is no fault of its. */
  node: NodeFault | null
}

/** `unasked`: the call had failed before it reached the node, or after it had done its part. */
type NodeFault = 'fault' | 'rest' | 'unasked'

/** A call to a model that failed; the service's own words stay out of it. */
export class ModelError extends Error implements ModelFault {
  override name = 'ModelError'
  readonly code: TaskErrorCode
  readonly retryable: boolean
  readonly retryAfterMs: number | null
  readonly node: NodeFault | null

  /** What is not given is false or null: no other try, and nothing said of the node. */
  constructor(fault: Pick<ModelFault, 'code'> & Partial<ModelFault>) {
    super(fault.code)
    this.code = fault.code
    this.retryable = fault.retryable ?? false
    this.retryAfterMs = fault.retryAfterMs ?? null
    this.node = fault.node ?? null
  }
}

/** What the service did wrong; an error that is not of its making is returned as it is. */
export function modelErrorOf(error: unknown): unknown {
  if (APICallError.isInstance(error)) return ofCall(error)
  if (StreamProviderError.isInstance(error)) return ofErrorChunk(error, error.data)
  if (TypeValidationError.isInstance(error) && isErrorChunk(error.value)) {
    return ofErrorChunk(errorIn(error.value), error.value)
  }
  if (NOT_AN_ANSWER.some((kind) => kind.isInstance(error))) return invalidAnswer()
  if (error instanceof Error && FILE_API_FAULT.test(error.name)) return ofFileApi(error.name)
  // What else the SDK says is about our side of the call.
  if (error instanceof Error) return error
  return ofErrorChunk(errorIn(error), error)
}

/** Names of errors that the SDK gives to what Google's File API does with a file. */
const FILE_API_FAULT = /^GOOGLE_FILES_/

function ofFileApi(name: string): ModelError {
  if (name === 'GOOGLE_FILES_UPLOAD_FAILED') return new ModelError({ code: 'file_rejected' })
  if (name === 'GOOGLE_FILES_UPLOAD_TIMEOUT') {
    return new ModelError({ code: 'model_timeout', node: 'fault' })
  }
  return invalidAnswer()
}

const NOT_AN_ANSWER = [InvalidResponseDataError, JSONParseError, TypeValidationError]

export function invalidAnswer(): ModelError {
  return new ModelError({ code: 'model_answer_invalid', node: 'fault' })
}

export function brokeOff(): ModelError {
  return new ModelError({ code: 'model_broke_off', retryable: true, node: 'fault' })
}

/** An HTTP status of 400 or more, in a response or an error chunk, with what came beside it. */
export function ofStatus(status: number, asked: number | null = null): ModelError {
  const code = codeOfStatus(status)
  const retryable = status === 408 || status === 409 || status === 429 || status >= 500
  const overloaded = asked === null ? null : ('rest' as const)
  const node = status === 429 ? overloaded : status === 408 || status >= 500 ? 'fault' : null
  return new ModelError({ code, retryable, retryAfterMs: retryable ? asked : null, node })
}

function codeOfStatus(status: number): TaskErrorCode {
  // 402: the account has run out of money, says DeepSeek.
  if (status >= 401 && status <= 403) return 'model_refused_credentials'
  if (status === 404) return 'model_not_found'
  if (status === 408) return 'model_timeout'
  if (status === 429) return 'model_overloaded'
  return status >= 500 ? 'model_unavailable' : 'model_rejected_request'
}

function ofCall(error: APICallError): ModelError {
  const { statusCode, responseHeaders, responseBody } = error
  if (statusCode !== undefined && statusCode >= 400) {
    return ofStatus(statusCode, retryAfterMs(responseHeaders, parsed(responseBody)))
  }
  if (isRedirect(statusCode)) return new ModelError({ code: 'model_redirected', node: 'fault' })
  const responded = statusCode !== undefined
  let brokenOff = responded && error.cause !== undefined
  for (let at: unknown = error.cause; at instanceof Error; at = at.cause) {
    const { code = '' } = at as { code?: string }
    if (AISDKError.isInstance(at) || at.name === 'HTTPParserError' || UNREADABLE.test(code)) {
      return invalidAnswer()
    }
    brokenOff ||= BROKEN_OFF.has(code)
  }
  if (brokenOff) return brokeOff()
  if (responded) return invalidAnswer()
  return new ModelError({ code: 'model_unreachable', retryable: true, node: 'fault' })
}

/** 304 leads nowhere: it is no answer to what was asked. */
function isRedirect(status: number | undefined): boolean {
  return status !== undefined && status >= 300 && status < 400 && status !== 304
}

/** undici's word for more bytes than it takes, in headers or body; zlib's errors. */
const UNREADABLE = /^(UND_ERR_HEADERS_OVERFLOW|UND_ERR_RES_EXCEEDED_MAX_SIZE|Z_[A-Z]+_ERROR)$/

/** Ends of a connection that was there, though no response had come. */
const BROKEN_OFF = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET'])

function parsed(json: string | undefined): unknown {
  try {
    return JSON.parse(json ?? 'null')
  } catch {
    return null
  }
}

const isErrorChunk = (chunk: unknown): boolean => errorIn(chunk) !== chunk

function errorIn(chunk: unknown): unknown {
  const { error } = (chunk ?? {}) as { error?: unknown }
  return error ?? chunk
}

/** An error inside a stream that began with 200: its status, if it names one, else as a 500. */
function ofErrorChunk(error: unknown, data: unknown): ModelError {
  const { statusCode, code, status, type } = (error ?? {}) as Record<string, unknown>
  for (const value of [statusCode, code, status, type]) {
    const known = STATUS_OF_WORD.get(String(value).toLowerCase()) ?? Number(value)
    if (known >= 400 && known <= 599) return ofStatus(known, retryAfterMs(undefined, data))
  }
  return ofStatus(500, retryAfterMs(undefined, data))
}

/** Words of OpenAI, Google and those that follow them. */
const STATUS_OF_WORD = new Map(
  Object.entries({
    400: ['invalid_request_error', 'context_length_exceeded', 'bad_request', 'invalid_argument'],
    401: ['invalid_api_key', 'authentication_error', 'unauthenticated'],
    403: ['permission_error', 'permission_denied'],
    404: ['model_not_found', 'not_found_error', 'not_found'],
    429: ['rate_limit_exceeded', 'rate_limit_error', 'insufficient_quota', 'resource_exhausted'],
  }).flatMap(([status, words]) => words.map((word): [string, number] => [word, Number(status)])),
)
