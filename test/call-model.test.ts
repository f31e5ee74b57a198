import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { inspect } from 'node:util'
import type { LanguageModelV4 } from '@ai-sdk/provider'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { ClaimedTask } from '../drizzle/statements/claim-tasks-if-pending.ts'
import { type AnswerPart, type CallTimeouts, callModel } from '../workers-node/call-model.ts'
import { ModelError, type ModelFault } from '../workers-node/model-error.ts'
import { openModelFetch } from '../workers-node/model-fetch.ts'
import { deepseek } from '../workers-node/providers/deepseek.ts'
import { gemini } from '../workers-node/providers/gemini.ts'
import { openaiCompatible } from '../workers-node/providers/openai-compatible.ts'
import { type Answer, type ModelServer, type Step, startModelServer } from './setup/model-server.ts'

let server: ModelServer
const { fetch, close } = openModelFetch({ connectMs: 20_000 })

beforeAll(async () => {
  server = await startModelServer()
})
beforeEach(() => {
  server.requests.length = 0
  heard = Promise.withResolvers()
})
afterAll(async () => {
  await server.close()
  await close()
})

type Fetch = typeof globalThis.fetch

const compatible = (url: string, through = fetch) =>
  openaiCompatible({ url, fetch: through })('qwen3')
const google = (url: string, through = fetch) =>
  gemini({ url, key: 'test-key', fetch: through })('gemini-2.5-flash')
/** The SDK's own DeepSeek knows one host only: the way there leads here. */
const ownDeepseek = (url: string, through = fetch) => {
  const there: Fetch = (input, init) =>
    through(String(input).replace('https://api.deepseek.com', url), init)
  return deepseek({ key: 'test-key', fetch: there })('deepseek-chat')
}

const PROVIDERS: [string, (url: string, through?: Fetch) => LanguageModelV4, boolean][] = [
  ['an OpenAI-compatible service', compatible, false],
  ['Google', google, true],
  ['DeepSeek', ownDeepseek, false],
]

/** Long enough never to matter in a test that is not about them. */
const PATIENT: CallTimeouts = { firstTokenMs: 25_000, idleMs: 25_000, totalMs: 25_000 }

const SECRET = 'SECRET WORDS'

type Call = { timeouts?: Partial<CallTimeouts>; maxTokens?: number; signal?: AbortSignal }

/** All that came of one call. */
async function call(model: LanguageModelV4, { timeouts, maxTokens, signal }: Call = {}) {
  const parts: AnswerPart[] = []
  let error: unknown
  const task = {
    system: null,
    temperature: null,
    max_tokens: maxTokens ?? null,
    history: [],
    prompt: SECRET,
  } as unknown as ClaimedTask
  try {
    const given = signal ?? new AbortController().signal
    const options = { signal: given, timeouts: { ...PATIENT, ...timeouts } }
    for await (const part of callModel(model, task, options)) {
      parts.push(part)
      if (part.type === 'text') heard.resolve()
    }
  } catch (thrown) {
    error = thrown
  }
  const textOf = (type: AnswerPart['type']) =>
    parts.map((part) => (part.type === type && part.type !== 'end' ? part.text : '')).join('')
  return {
    parts,
    error,
    text: textOf('text'),
    reasoning: textOf('reasoning'),
    end: parts.find((part) => part.type === 'end'),
  }
}

/** A ModelError of exactly this, in which nobody's words but ours are found. */
function expectFault(error: unknown, fault: Partial<ModelFault>): void {
  expect(error).toBeInstanceOf(ModelError)
  const { code, retryable, retryAfterMs, node } = error as ModelError
  const expected = { retryable: false, retryAfterMs: null, node: null, ...fault }
  expect({ code, retryable, retryAfterMs, node }).toEqual(expected)
  expect(inspect(error, { depth: Infinity, showHidden: true })).not.toContain(SECRET)
}

const never = new Promise<never>(() => {})

/** Resolved when the caller has had some text. */
let heard = Promise.withResolvers<void>()
const untilHeard: Step = { until: awaited((done) => void heard.promise.then(done)) }

/** A pause that begins when it is awaited. */
const pause = (ms: number) => awaited((done) => void setTimeout(done, ms))

/** What begins only when it is awaited, as the steps of an answer are in their turn. */
function awaited(begin: (done: () => void) => void): Promise<void> {
  // biome-ignore lint/suspicious/noThenProperty: that is what is awaited.
  return { then: begin } as unknown as Promise<void>
}

const FAULT = { retryable: true, node: 'fault' } as const
const UNREACHABLE = { code: 'model_unreachable', ...FAULT } as const
const BROKE_OFF = { code: 'model_broke_off', ...FAULT } as const
const UNAVAILABLE = { code: 'model_unavailable', ...FAULT } as const
const INVALID = { code: 'model_answer_invalid', node: 'fault' } as const
const CUT = { code: 'truncated', ...FAULT } as const
const FIRST = { code: 'first_token_timeout', node: 'fault' } as const
const IDLE = { code: 'idle_timeout', node: 'fault' } as const

type Row = {
  fault: string
  /** By whether the service speaks Google's shape. */
  answer: Answer | ((google: boolean) => Answer)
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
  (isGoogle: boolean): Answer => [
    { text: 'Half' },
    { event: { error: { message: SECRET, ...(isGoogle ? google : openAi) } } },
    { until: never },
  ]
const emptyDelta = (isGoogle: boolean): Step => ({
  event: isGoogle
    ? { candidates: [{ content: { role: 'model', parts: [{ text: '', thoughtSignature: 'a' }] } }] }
    : { choices: [{ index: 0, delta: { content: '', reasoning_content: '' } }] },
})
const often = (step: Step): Step[] =>
  Array.from({ length: 200 }, () => [step, { until: pause(10) }]).flat()

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
    answer: (isGoogle) => often(emptyDelta(isGoogle)),
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
    answer: (isGoogle) => [{ text: 'Half' }, ...often(emptyDelta(isGoogle))],
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
    finish: expect.any(String),
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
    answer: (isGoogle) => [{ text: 'Half' }, { finish: isGoogle ? 'MAX_TOKENS' : 'length' }],
    is: { code: 'truncated' },
    text: 'Half',
    finish: 'length',
  },
  {
    fault: 'a limit that is not the user’s, reached before the answer',
    answer: (isGoogle) => [{ reasoning: 'Hm' }, { finish: isGoogle ? 'MAX_TOKENS' : 'length' }],
    is: { code: 'truncated' },
    reasoning: 'Hm',
    finish: 'length',
  },
  {
    fault: 'the user’s limit, reached before the answer',
    answer: (isGoogle) => [{ reasoning: 'Hm' }, { finish: isGoogle ? 'MAX_TOKENS' : 'length' }],
    is: { code: 'empty_response' },
    reasoning: 'Hm',
    finish: 'length',
    call: { maxTokens: 5 },
  },
  {
    fault: 'a content filter in the middle',
    answer: (isGoogle) => [{ text: 'Half' }, { finish: isGoogle ? 'SAFETY' : 'content_filter' }],
    is: { code: 'content_filtered' },
    text: 'Half',
    finish: 'content-filter',
  },
  {
    fault: 'a content filter before the answer',
    answer: (isGoogle) => [{ finish: isGoogle ? 'PROHIBITED_CONTENT' : 'content_filter' }],
    is: { code: 'content_filtered' },
    finish: 'content-filter',
  },
  {
    fault: 'a finish reason that is an error',
    answer: (isGoogle) => [
      { text: 'Half' },
      { finish: isGoogle ? 'MALFORMED_FUNCTION_CALL' : 'insufficient_system_resource' },
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

describe.each(PROVIDERS)('%s:', (_, modelAt, isGoogle) => {
  test.each(FAULTS.map((row) => [row.fault, row] as const))('%s', async (_, row) => {
    const { answer, is, text = '', reasoning = '', finish } = row
    server.answer(() => (typeof answer === 'function' ? answer(isGoogle) : answer))
    const came = await call(modelAt(server.url), row.call)
    expectFault(came.error, is)
    expect({ text: came.text, reasoning: came.reasoning }).toEqual({ text, reasoning })
    expect(came.end?.finishReason).toEqual(finish)
    if (row.gone) await server.requests[0]!.gone
  })

  test('a good answer comes with what is known of it, last', async () => {
    server.answer(() => [{ reasoning: 'Hm.' }, { text: 'Yes' }, { text: ', it is.' }])
    const { parts, error, end } = await call(modelAt(server.url))
    expect(error).toBeUndefined()
    expect(parts.slice(0, -1)).toEqual([
      { type: 'reasoning', text: 'Hm.' },
      { type: 'text', text: 'Yes' },
      { type: 'text', text: ', it is.' },
    ])
    expect(parts.at(-1)).toBe(end)
    expect(end).toMatchObject({ finishReason: 'stop', usage: { input_tokens: 11 } })
  })

  test("at the user's own limit an answer is good", async () => {
    server.answer(() => [{ text: 'Half' }, { finish: isGoogle ? 'MAX_TOKENS' : 'length' }])
    const { error, text, end } = await call(modelAt(server.url), { maxTokens: 5 })
    expect([error, text, end?.finishReason]).toEqual([undefined, 'Half', 'length'])
  })

  test('keep-alive comments and empty deltas do no harm to a good answer', async () => {
    server.answer(() => [
      { comment: 'keep-alive', everyMs: 5, until: pause(50) },
      { text: 'Yes' },
      { raw: '\n\n' },
      emptyDelta(isGoogle),
      { text: '.' },
    ])
    const { error, text, parts } = await call(modelAt(server.url))
    expect([error, text, parts.length]).toEqual([undefined, 'Yes.', 3])
  })

  test('NUL and lone surrogates come through as they are', async () => {
    server.answer(() => [{ text: 'a\u0000b\ud800c' }, { text: '語' }])
    const { error, text } = await call(modelAt(server.url))
    expect([error, text]).toEqual([undefined, 'a\u0000b\ud800c語'])
  })

  test.each<[string, Answer]>([
    ['before the response', 'silence'],
    ['in mid-stream', [{ text: 'Half' }, { until: never }]],
  ])('an abort %s ends the connection and throws its own reason', async (_, answer) => {
    server.answer(() => answer)
    const abort = new AbortController()
    const reason = { why: 'not ours any more' }
    const came = call(modelAt(server.url), { signal: abort.signal })
    while (server.requests.length === 0) await pause(5)
    if (answer !== 'silence') await heard.promise
    abort.abort(reason)
    expect((await came).error).toBe(reason)
    await server.requests[0]!.gone
  })

  test('a call whose signal is aborted already does not reach the service', async () => {
    const reason = new Error('not ours any more')
    const { error } = await call(modelAt(server.url), { signal: AbortSignal.abort(reason) })
    expect(error).toBe(reason)
    expect(server.requests).toHaveLength(0)
  })

  test('a caller that leaves the loop ends the connection', async () => {
    server.answer(() => [{ text: 'Half' }, { until: never }])
    const task = { history: [], prompt: 'a', max_tokens: null } as unknown as ClaimedTask
    const signal = new AbortController().signal
    for await (const part of callModel(modelAt(server.url), task, { signal, timeouts: PATIENT })) {
      expect(part).toEqual({ type: 'text', text: 'Half' })
      break
    }
    await server.requests[0]!.gone
  })

  test('an error that is no fault of the service is thrown as it is', async () => {
    const ours = new RangeError('ours')
    const { error } = await call(modelAt(server.url, () => Promise.reject(ours)))
    expect(error).toBe(ours)
  })
})

test('a slow answer is no silent one: each text puts the idle time-out off', async () => {
  server.answer(() => often({ text: '.' }))
  const { error, text } = await call(compatible(server.url), { timeouts: { idleMs: 1500 } })
  expect([error, text]).toEqual([undefined, '.'.repeat(200)])
})

test('an error of the SDK about our side of the call is thrown as it is', async () => {
  const { error } = await call(compatible(server.url), { maxTokens: 0.5 })
  expect(error).toMatchObject({ name: 'AI_InvalidArgumentError' })
})

test('a refusal in the field that OpenAI has for it is kept, and told apart', async () => {
  server.answer(() => [
    { event: { choices: [{ index: 0, delta: { refusal: 'I cannot help with that.' } }] } },
    { finish: 'stop' },
  ])
  const { error, text } = await call(compatible(server.url))
  expectFault(error, { code: 'content_filtered' })
  expect(text).toBe('I cannot help with that.')
})

test('a broken call of a tool, which nobody offered, is an answer that cannot be read', async () => {
  const tool_calls = [{ index: 0, function: { arguments: SECRET } }]
  server.answer(() => [{ event: { choices: [{ index: 0, delta: { tool_calls } }] } }])
  for (const model of [compatible(server.url), ownDeepseek(server.url)]) {
    expectFault((await call(model)).error, INVALID)
  }
})

test('a call of a tool, which nobody offered, is no answer', async () => {
  const tool_calls = [{ index: 0, id: 'a', function: { name: 'look_up', arguments: '{}' } }]
  const parts = [{ functionCall: { name: 'look_up', args: {} } }]
  for (const [, modelAt, isGoogle] of PROVIDERS) {
    server.answer(() => [
      isGoogle
        ? { event: { candidates: [{ content: { role: 'model', parts } }] } }
        : { event: { choices: [{ index: 0, delta: { tool_calls } }] } },
      { finish: isGoogle ? 'STOP' : 'tool_calls' },
    ])
    expectFault((await call(modelAt(server.url))).error, { code: 'empty_response' })
  }
  expect(server.requests).toHaveLength(3)
})

test('a prompt that Google blocks is told apart from an empty answer', async () => {
  server.answer(() => [
    { event: { promptFeedback: { blockReason: 'SAFETY' }, modelVersion: 'gemini-2.5-flash' } },
    { cut: true },
  ])
  const { error, end } = await call(google(server.url))
  expectFault(error, { code: 'content_filtered' })
  expect(end?.finishReason).toBe('content-filter')
})

test('a delay among the details of an error chunk of Google is honoured', async () => {
  const details = [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '3s' }]
  const error = { code: 429, message: SECRET, status: 'RESOURCE_EXHAUSTED', details }
  server.answer(() => [{ text: 'Half' }, { event: { error } }, { until: never }])
  const came = await call(google(server.url))
  const fault = {
    code: 'model_overloaded',
    retryable: true,
    retryAfterMs: 3000,
    node: 'rest',
  } as const
  expectFault(came.error, fault)
})

test('a timer held up with the whole process does not blame the service', async () => {
  const text = Promise.withResolvers<void>()
  server.answer(() => [{ text: 'Half, ' }, { until: text.promise }, { text: 'and half.' }])
  const came = call(compatible(server.url), { timeouts: { idleMs: 200 } })
  await heard.promise
  text.resolve()
  const until = performance.now() + 2000
  while (performance.now() < until);
  const { error, text: whole } = await came
  expect([error, whole]).toEqual([undefined, 'Half, and half.'])
})

test('an answer without an end is left before it fills the memory', async () => {
  const megabyte = 'x'.repeat(1024 * 1024)
  server.answer(() => Array.from({ length: 70 }, () => ({ raw: megabyte })))
  const { error } = await call(compatible(server.url))
  expectFault(error, INVALID)
  await server.requests[0]!.gone
})

describe('without a service:', () => {
  let tcp: Server
  const sockets: Socket[] = []
  let onConnection: (socket: Socket) => void = () => {}

  beforeAll(async () => {
    tcp = createServer((socket) => {
      sockets.push(socket)
      socket.on('error', () => {})
      onConnection(socket)
    })
    tcp.listen(0, '127.0.0.1')
    await once(tcp, 'listening')
  })
  afterAll(() => {
    for (const socket of sockets) socket.destroy()
    tcp.close()
  })

  const at = (scheme: string) => `${scheme}://127.0.0.1:${(tcp.address() as AddressInfo).port}`

  test('nothing listens', async () => {
    const { error } = await call(compatible('http://127.0.0.1:1'))
    expectFault(error, UNREACHABLE)
  })

  test('the name is unknown', async () => {
    const { error } = await call(compatible('http://no-such-host.invalid'))
    expectFault(error, UNREACHABLE)
  })

  test('the connection is never made: its TLS handshake gets no answer', async () => {
    onConnection = () => {}
    const soon = openModelFetch({ connectMs: 200 })
    const { error } = await call(compatible(at('https'), soon.fetch))
    await soon.close()
    expectFault(error, UNREACHABLE)
    // Sooner than undici would give up by itself.
  }, 9000)

  test('what listens does not speak TLS', async () => {
    onConnection = (socket) => void socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')
    const { error } = await call(compatible(at('https')))
    expectFault(error, UNREACHABLE)
  })

  test('what listens does not speak HTTP', async () => {
    onConnection = (socket) => void socket.end(`220 ${SECRET} ESMTP\r\n`)
    const { error } = await call(compatible(at('http')))
    expectFault(error, INVALID)
  })

  test('a body shorter than was said', async () => {
    onConnection = (socket) => {
      const head =
        'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 999\r\n\r\n'
      socket.once('data', () => socket.end(`${head}: keep-alive\n\n`))
    }
    const { error } = await call(compatible(at('http')))
    expectFault(error, BROKE_OFF)
  })
})
