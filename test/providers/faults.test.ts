import { describe, expect, test } from 'vitest'
import type { ModelFault } from '../../workers-node/model-error.ts'
import type { Answer } from '../setup/model-server.ts'
import {
  BROKE_OFF,
  type Call,
  call,
  emptyDelta,
  expectFault,
  FAULT,
  INVALID,
  never,
  often,
  PROVIDERS,
  SECRET,
  type Spoken,
  UNAVAILABLE,
  untilHeard,
  useModelServer,
} from '../setup/provider-calls.ts'

const server = useModelServer()

const CUT = { code: 'truncated', ...FAULT } as const
const FIRST = { code: 'first_token_timeout', node: 'fault' } as const
const IDLE = { code: 'idle_timeout', node: 'fault' } as const

type Row = {
  fault: string
  /** By whose shapes the service speaks. */
  answer: Answer | ((speaks: Spoken) => Answer)
  is: Partial<ModelFault>
  /** What came all the same. */
  text?: string
  reasoning?: string
  /** The finish reason of the last part; none where the stream does not get there. */
  finish?: string
  call?: Call
  /** The server is to see the connection end before its answer did. */
  gone?: boolean
}

const status = (code: number, headers?: Record<string, string>): Answer => ({
  status: code,
  body: { error: { code, message: SECRET, status: 'SECRET WORDS' } },
  headers,
})
const errorChunk =
  (openAi: object, google: object) =>
  (speaks: Spoken): Answer => [
    { text: 'Half' },
    { event: { error: { message: SECRET, ...(speaks === 'google' ? google : openAi) } } },
    { until: never },
  ]
const FAULTS: Row[] = [
  // Time-outs. Where one did not end the call, another would, with a code of its own.
  {
    fault: 'no response at all',
    answer: 'silence',
    is: FIRST,
    call: { timeouts: { firstTokenMs: 400 } },
    gone: true,
  },
  {
    fault: 'a response without a first token',
    answer: [{ until: never }],
    is: FIRST,
    call: { timeouts: { firstTokenMs: 400, idleMs: 1 } },
    gone: true,
  },
  {
    fault: 'keep-alive comments instead of a first token',
    answer: [{ comment: 'keep-alive', everyMs: 20, until: never }],
    is: FIRST,
    call: { timeouts: { firstTokenMs: 400 } },
    gone: true,
  },
  {
    fault: 'empty deltas instead of a first token',
    answer: (speaks) => often(emptyDelta(speaks)),
    is: FIRST,
    call: { timeouts: { firstTokenMs: 400, idleMs: 20_000 } },
    gone: true,
  },
  {
    fault: 'a stop in the middle',
    answer: [{ text: 'Half' }, { until: never }],
    is: IDLE,
    text: 'Half',
    call: { timeouts: { idleMs: 150 } },
    gone: true,
  },
  {
    fault: 'a stop in the middle of the reasoning',
    answer: [{ reasoning: 'Hm' }, { until: never }],
    is: IDLE,
    reasoning: 'Hm',
    call: { timeouts: { idleMs: 150 } },
    gone: true,
  },
  {
    fault: 'keep-alive comments instead of the rest',
    answer: [{ text: 'Half' }, { comment: 'keep-alive', everyMs: 20, until: never }],
    is: IDLE,
    text: 'Half',
    call: { timeouts: { idleMs: 150 } },
    gone: true,
  },
  {
    fault: 'blank lines instead of the rest',
    answer: [{ text: 'Half' }, ...often({ raw: '\n\n' })],
    is: IDLE,
    text: 'Half',
    call: { timeouts: { idleMs: 150 } },
    gone: true,
  },
  {
    fault: 'empty deltas instead of the rest',
    answer: (speaks) => [{ text: 'Half' }, ...often(emptyDelta(speaks))],
    is: IDLE,
    text: 'Half',
    call: { timeouts: { idleMs: 150 } },
    gone: true,
  },
  {
    fault: 'an answer that goes on for too long',
    answer: often({ text: '.' }),
    is: { code: 'model_timeout' },
    text: expect.stringMatching(/^\.*$/),
    call: { timeouts: { totalMs: 400 } },
    gone: true,
  },
  {
    fault: 'keep-alive comments for too long',
    answer: [{ comment: 'keep-alive', everyMs: 20, until: never }],
    is: { code: 'model_timeout' },
    call: { timeouts: { totalMs: 400 } },
    gone: true,
  },
  // Connections that end.
  { fault: 'a reset before the response', answer: 'reset', is: BROKE_OFF },
  {
    fault: 'an end in mid-stream',
    answer: [{ text: 'Half' }, untilHeard, { reset: true }],
    is: BROKE_OFF,
    text: 'Half',
  },
  {
    fault: 'a reset in mid-stream',
    answer: [{ text: 'Half' }, untilHeard, { reset: 'tcp' }],
    is: BROKE_OFF,
    text: 'Half',
  },
  {
    fault: 'an orderly end without a finish reason',
    answer: [{ text: 'Half' }, { cut: true }],
    is: CUT,
    text: 'Half',
    finish: expect.any(String),
  },
  {
    fault: 'an orderly end without anything',
    answer: [{ cut: true }],
    is: BROKE_OFF,
    finish: expect.any(String),
  },
  {
    fault: 'an orderly end after the reasoning',
    answer: [{ reasoning: 'Hm' }, { cut: true }],
    is: BROKE_OFF,
    reasoning: 'Hm',
    finish: expect.any(String),
  },
  // Answers that are none.
  {
    fault: 'an HTML page',
    answer: {
      status: 200,
      body: `<!doctype html><title>${SECRET}</title>\n\n<p>Log in`,
      headers: { 'content-type': 'text/html' },
    },
    is: INVALID,
    finish: expect.any(String),
  },
  {
    fault: 'an empty body that is no stream',
    answer: { status: 200, body: '' },
    is: INVALID,
  },
  {
    fault: 'garbage for JSON',
    answer: [{ text: 'Half' }, { raw: `data: {"${SECRET}"\n\n` }, { until: never }],
    is: INVALID,
    text: 'Half',
    gone: true,
  },
  {
    fault: 'JSON of another kind',
    answer: [{ text: 'Half' }, { event: [SECRET] }, { until: never }],
    is: INVALID,
    text: 'Half',
    gone: true,
  },
  {
    fault: 'no body',
    answer: { status: 204, body: '' },
    is: INVALID,
  },
  {
    fault: 'a body that is not compressed as it says',
    answer: {
      status: 200,
      body: SECRET,
      headers: { 'content-type': 'text/event-stream', 'content-encoding': 'gzip' },
    },
    is: INVALID,
  },
  { fault: 'status 304', answer: { status: 304, body: '' }, is: INVALID },
  // Ends that are no good.
  { fault: 'an empty answer', answer: [], is: { code: 'empty_response' }, finish: 'stop' },
  {
    fault: 'an answer of white space',
    answer: [{ text: ' \n\t ' }],
    is: { code: 'empty_response' },
    text: ' \n\t ',
    finish: 'stop',
  },
  {
    fault: 'reasoning and no answer',
    answer: [{ reasoning: 'Hm' }],
    is: { code: 'empty_response' },
    reasoning: 'Hm',
    finish: 'stop',
  },
  {
    fault: 'a limit that is not the user’s',
    answer: (speaks) => [
      { text: 'Half' },
      { finish: speaks === 'google' ? 'MAX_TOKENS' : 'length' },
    ],
    is: { code: 'truncated' },
    text: 'Half',
    finish: 'length',
  },
  {
    fault: 'a limit that is not the user’s, reached before the answer',
    answer: (speaks) => [
      { reasoning: 'Hm' },
      { finish: speaks === 'google' ? 'MAX_TOKENS' : 'length' },
    ],
    is: { code: 'truncated' },
    reasoning: 'Hm',
    finish: 'length',
  },
  {
    fault: 'the user’s limit, reached before the answer',
    answer: (speaks) => [
      { reasoning: 'Hm' },
      { finish: speaks === 'google' ? 'MAX_TOKENS' : 'length' },
    ],
    is: { code: 'empty_response' },
    reasoning: 'Hm',
    finish: 'length',
    call: { maxTokens: 5 },
  },
  {
    fault: 'a content filter in the middle',
    answer: (speaks) => [
      { text: 'Half' },
      { finish: speaks === 'google' ? 'SAFETY' : 'content_filter' },
    ],
    is: { code: 'content_filtered' },
    text: 'Half',
    finish: 'content-filter',
  },
  {
    fault: 'a content filter before the answer',
    answer: (speaks) => [{ finish: speaks === 'google' ? 'PROHIBITED_CONTENT' : 'content_filter' }],
    is: { code: 'content_filtered' },
    finish: 'content-filter',
  },
  {
    fault: 'a finish reason that is an error',
    answer: (speaks) => [
      { text: 'Half' },
      { finish: speaks === 'google' ? 'MALFORMED_FUNCTION_CALL' : 'insufficient_system_resource' },
    ],
    is: UNAVAILABLE,
    text: 'Half',
    finish: expect.any(String),
  },
  // Statuses.
  { fault: 'status 400', answer: status(400), is: { code: 'model_rejected_request' } },
  { fault: 'status 401', answer: status(401), is: { code: 'model_refused_credentials' } },
  { fault: 'status 403', answer: status(403), is: { code: 'model_refused_credentials' } },
  { fault: 'status 404', answer: status(404), is: { code: 'model_not_found' } },
  { fault: 'status 408', answer: status(408), is: { code: 'model_timeout', ...FAULT } },
  {
    fault: 'status 409',
    answer: status(409),
    is: { code: 'model_rejected_request', retryable: true },
  },
  { fault: 'status 413', answer: status(413), is: { code: 'model_rejected_request' } },
  { fault: 'status 422', answer: status(422), is: { code: 'model_rejected_request' } },
  { fault: 'status 429', answer: status(429), is: { code: 'model_overloaded', retryable: true } },
  {
    fault: 'status 429 with Retry-After in seconds',
    answer: status(429, { 'retry-after': '1' }),
    is: { code: 'model_overloaded', retryable: true, retryAfterMs: 1000, node: 'rest' },
  },
  {
    fault: 'status 429 with Retry-After as a date',
    answer: status(429, {
      date: 'Sun, 06 Nov 1994 08:49:30 GMT',
      'retry-after': 'Sun, 06 Nov 1994 08:49:37 GMT',
    }),
    is: { code: 'model_overloaded', retryable: true, retryAfterMs: 7000, node: 'rest' },
  },
  {
    fault: 'status 429 with a Retry-After that is none',
    answer: status(429, { 'retry-after': '-3' }),
    is: { code: 'model_overloaded', retryable: true },
  },
  {
    fault: 'status 429 with a delay among its details',
    answer: {
      status: 429,
      body: {
        error: { code: 429, message: SECRET, status: 'X', details: [{ retryDelay: '30s' }] },
      },
    },
    is: { code: 'model_overloaded', retryable: true, retryAfterMs: 30_000, node: 'rest' },
  },
  { fault: 'status 500', answer: status(500), is: UNAVAILABLE },
  { fault: 'status 502 with a page', answer: { status: 502, body: SECRET }, is: UNAVAILABLE },
  {
    fault: 'status 503 with Retry-After',
    answer: status(503, { 'retry-after': '2' }),
    is: { ...UNAVAILABLE, retryAfterMs: 2000 },
  },
  { fault: 'status 500 without a body', answer: { status: 500, body: '' }, is: UNAVAILABLE },
  {
    fault: 'status 400 with Retry-After, which is not retried all the same',
    answer: status(400, { 'retry-after': '2' }),
    is: { code: 'model_rejected_request' },
  },
  // Errors inside a stream that began with 200.
  {
    fault: 'an error chunk that names no status',
    answer: errorChunk({ type: 'server_error' }, { code: null, status: 'SECRET WORDS' }),
    is: UNAVAILABLE,
    text: 'Half',
    gone: true,
  },
  {
    fault: 'an error chunk with the number 429',
    answer: errorChunk({ code: 429 }, { code: 429, status: 'RESOURCE_EXHAUSTED' }),
    is: { code: 'model_overloaded', retryable: true },
    text: 'Half',
    gone: true,
  },
  {
    fault: 'an error chunk with the word for 429',
    answer: errorChunk(
      { code: 'rate_limit_exceeded' },
      { code: null, status: 'RESOURCE_EXHAUSTED' },
    ),
    is: { code: 'model_overloaded', retryable: true },
    text: 'Half',
    gone: true,
  },
  {
    fault: 'an error chunk with the word for 400',
    answer: errorChunk(
      { type: 'invalid_request_error' },
      { code: null, status: 'INVALID_ARGUMENT' },
    ),
    is: { code: 'model_rejected_request' },
    text: 'Half',
    gone: true,
  },
  {
    fault: 'an error chunk that is a mere text',
    answer: [{ text: 'Half' }, { event: { error: SECRET } }, { until: never }],
    is: UNAVAILABLE,
    text: 'Half',
    gone: true,
  },
]

describe.each(PROVIDERS)('%s:', (_, modelAt, speaks) => {
  test.each(FAULTS.map((row) => [row.fault, row] as const))('%s', async (_, row) => {
    const { answer, is, text = '', reasoning = '', finish } = row
    server().answer(() => (typeof answer === 'function' ? answer(speaks) : answer))
    const came = await call(modelAt(server().url), row.call)
    expectFault(came.error, is)
    expect({ text: came.text, reasoning: came.reasoning }).toEqual({ text, reasoning })
    expect(came.end?.finishReason).toEqual(finish)
    if (row.gone) await server().requests[0]!.gone
  })
})
