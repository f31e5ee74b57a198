import { z } from 'zod'
import {
  ERROR_STATUS,
  type ErrorAnswer,
  type ErrorCode,
  errorAnswer,
} from '../drizzle/contract/http-api.ts'
import { headersNamed } from './documented-headers.ts'

/** What the answer to each error says, for instance. */
const SAYS: Record<ErrorCode, Pick<ErrorAnswer['error'], 'message' | 'param'>> = {
  invalid_request: { message: 'prompt is missing', param: 'prompt' },
  unknown_model: { message: 'Unknown model "gpt-9".', param: 'model' },
  unauthorized: { message: 'Send an API key: Authorization: Bearer …', param: 'Authorization' },
  forbidden: { message: 'This needs the key of an operator.', param: null },
  not_found: { message: 'There is no such batch.', param: null },
  conflict: { message: 'This task waits or runs already.', param: null },
  idempotency_conflict: {
    message: 'This Idempotency-Key was used before with another request.',
    param: 'Idempotency-Key',
  },
  payload_too_large: { message: 'The body may have at most 1048576 bytes.', param: null },
  unsupported_media_type: { message: 'Send the request as application/json.', param: null },
  rate_limited: {
    message: 'These are more than 600 requests in a minute. Try again in 12 s.',
    param: null,
  },
  internal: {
    message: 'Something went wrong here. Quote 0e9d6f5c-6f0b-4c0e-9a55-2f1f9d1f6a11 when asking.',
    param: null,
  },
  unavailable: {
    message: 'The database is away at the moment. Try again in a few seconds.',
    param: null,
  },
}

/** The headers that come with some statuses only. */
const HEADERS_OF: { [status: number]: ReturnType<typeof headersNamed> } = {
  401: headersNamed('WWW-Authenticate'),
  429: headersNamed('Retry-After'),
  503: headersNamed('Retry-After'),
}

/** What the document says of these errors, by status. */
export function errorResponses(codes: ErrorCode[]) {
  const byStatus = new Map<number, ErrorCode[]>()
  for (const code of new Set(codes)) {
    const status = ERROR_STATUS[code]
    byStatus.set(status, [...(byStatus.get(status) ?? []), code])
  }
  return Object.fromEntries(
    [...byStatus].map(([status, some]) => [
      status,
      {
        description: some.map((code) => `\`${code}\``).join(' or '),
        headers: HEADERS_OF[status] ?? {},
        content: {
          'application/json': {
            schema: errorAnswer.and(z.object({ error: z.object({ code: z.enum(some) }) })),
            examples: Object.fromEntries(some.map((code) => [code, { value: exampleOf(code) }])),
          },
        },
      },
    ]),
  )
}

function exampleOf(code: ErrorCode): ErrorAnswer {
  return {
    error: {
      code,
      type: ERROR_STATUS[code] < 500 ? 'invalid_request_error' : 'api_error',
      ...SAYS[code],
      request_id: '0e9d6f5c-6f0b-4c0e-9a55-2f1f9d1f6a11',
    },
  }
}
