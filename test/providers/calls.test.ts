import { describe, expect, test } from 'vitest'
import { callModel } from '../../workers-node/call-model.ts'
import type { Answer } from '../setup/model-server.ts'
import {
  call,
  compatible,
  composing,
  emptyDelta,
  expectFault,
  google,
  heard,
  INVALID,
  never,
  often,
  ownDeepseek,
  PROVIDERS,
  pause,
  SECRET,
  taskFor,
  useModelServer,
} from '../setup/provider-calls.ts'

const server = useModelServer()

describe.each(PROVIDERS)('%s:', (_, modelAt, speaks) => {
  test('a good answer comes with what is known of it, last', async () => {
    server().answer(() => [{ reasoning: 'Hm.' }, { text: 'Yes' }, { text: ', it is.' }])
    const { parts, error, end } = await call(modelAt(server().url))
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
    server().answer(() => [
      { text: 'Half' },
      { finish: speaks === 'google' ? 'MAX_TOKENS' : 'length' },
    ])
    const { error, text, end } = await call(modelAt(server().url), { maxTokens: 5 })
    expect([error, text, end?.finishReason]).toEqual([undefined, 'Half', 'length'])
  })

  test('keep-alive comments and empty deltas do no harm to a good answer', async () => {
    server().answer(() => [
      { comment: 'keep-alive', everyMs: 5, until: pause(50) },
      { text: 'Yes' },
      { raw: '\n\n' },
      emptyDelta(speaks),
      { text: '.' },
    ])
    const { error, text, parts } = await call(modelAt(server().url))
    expect([error, text, parts.length]).toEqual([undefined, 'Yes.', 3])
  })

  test('NUL and lone surrogates come through as they are', async () => {
    server().answer(() => [{ text: 'a\u0000b\ud800c' }, { text: '語' }])
    const { error, text } = await call(modelAt(server().url))
    expect([error, text]).toEqual([undefined, 'a\u0000b\ud800c語'])
  })

  test.each<[string, Answer]>([
    ['before the response', 'silence'],
    ['in mid-stream', [{ text: 'Half' }, { until: never }]],
  ])('an abort %s ends the connection and throws its own reason', async (_, answer) => {
    server().answer(() => answer)
    const abort = new AbortController()
    const reason = { why: 'not ours any more' }
    const came = call(modelAt(server().url), { composing: { signal: abort.signal } })
    while (server().requests.length === 0) await pause(5)
    if (answer !== 'silence') await heard.promise
    const { gone } = server().requests[0]!
    // It takes a few ms; a machine under load is given time.
    const first = Promise.race([
      gone.then(() => 'the end of the connection'),
      Promise.resolve(pause(2000)).then(() => 'two seconds'),
    ])
    abort.abort(reason)
    expect(await first).toBe('the end of the connection')
    expect((await came).error).toBe(reason)
  })

  test('a call whose signal is aborted already does not reach the service', async () => {
    const reason = new Error('not ours any more')
    const composing = { signal: AbortSignal.abort(reason) }
    const { error } = await call(modelAt(server().url), { composing })
    expect(error).toBe(reason)
    expect(server().requests).toHaveLength(0)
  })

  test('a caller that leaves the loop ends the connection', async () => {
    server().answer(() => [{ text: 'Half' }, { until: never }])
    const model = modelAt(server().url)
    for await (const part of callModel(model, taskFor(model), composing())) {
      expect(part).toEqual({ type: 'text', text: 'Half' })
      break
    }
    await server().requests[0]!.gone
  })

  test('an error that is no fault of the service is thrown as it is', async () => {
    const ours = new RangeError('ours')
    const { error } = await call(modelAt(server().url, () => Promise.reject(ours)))
    expect(error).toBe(ours)
  })
})

test('a slow answer is no silent one: each text puts the idle time-out off', async () => {
  server().answer(() => often({ text: '.' }))
  const { error, text } = await call(compatible(server().url), { timeouts: { idleMs: 1500 } })
  expect([error, text]).toEqual([undefined, '.'.repeat(200)])
})

test('an error of the SDK about our side of the call is thrown as it is', async () => {
  const { error } = await call(compatible(server().url), { maxTokens: 0.5 })
  expect(error).toMatchObject({ name: 'AI_InvalidArgumentError' })
})

test('a refusal in the field that OpenAI has for it is kept, and told apart', async () => {
  server().answer(() => [
    { event: { choices: [{ index: 0, delta: { refusal: 'I cannot help with that.' } }] } },
    { finish: 'stop' },
  ])
  const { error, text } = await call(compatible(server().url))
  expectFault(error, { code: 'content_filtered' })
  expect(text).toBe('I cannot help with that.')
})

test('a polite refusal fails the call, and is tried again where the registry says so alone', async () => {
  server().answer(() => [{ text: 'I’m sorry, but I can’t create images.' }])
  for (const [, modelAt] of PROVIDERS) {
    const model = modelAt(server().url)
    for (const retriesRefusals of [false, true]) {
      const came = await call({ ...model, row: { ...model.row, retriesRefusals } })
      expectFault(came.error, { code: 'soft_refusal', retryable: retriesRefusals })
      expect(came.text).toContain('create images')
    }
  }
})

test('a broken call of a tool, which nobody offered, is an answer that cannot be read', async () => {
  const tool_calls = [{ index: 0, function: { arguments: SECRET } }]
  server().answer(() => [{ event: { choices: [{ index: 0, delta: { tool_calls } }] } }])
  for (const model of [compatible(server().url), ownDeepseek(server().url)]) {
    expectFault((await call(model)).error, INVALID)
  }
})

test('a call of a tool, which nobody offered, is no answer', async () => {
  const tool_calls = [{ index: 0, id: 'a', function: { name: 'look_up', arguments: '{}' } }]
  const parts = [{ functionCall: { name: 'look_up', args: {} } }]
  for (const [, modelAt, speaks] of PROVIDERS) {
    server().answer(() => [
      speaks === 'google'
        ? { event: { candidates: [{ content: { role: 'model', parts } }] } }
        : { event: { choices: [{ index: 0, delta: { tool_calls } }] } },
      { finish: speaks === 'google' ? 'STOP' : 'tool_calls' },
    ])
    expectFault((await call(modelAt(server().url))).error, { code: 'empty_response' })
  }
  expect(server().requests).toHaveLength(PROVIDERS.length)
})

test('a prompt that Google blocks is told apart from an empty answer', async () => {
  server().answer(() => [
    { event: { promptFeedback: { blockReason: 'SAFETY' }, modelVersion: 'gemini-2.5-flash' } },
    { cut: true },
  ])
  const { error, end } = await call(google(server().url))
  expectFault(error, { code: 'content_filtered' })
  expect(end?.finishReason).toBe('content-filter')
})

test('a delay among the details of an error chunk of Google is honoured', async () => {
  const details = [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '3s' }]
  const error = { code: 429, message: SECRET, status: 'RESOURCE_EXHAUSTED', details }
  server().answer(() => [{ text: 'Half' }, { event: { error } }, { until: never }])
  const came = await call(google(server().url))
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
  server().answer(() => [{ text: 'Half, ' }, { until: text.promise }, { text: 'and half.' }])
  const came = call(compatible(server().url), { timeouts: { idleMs: 200 } })
  await heard.promise
  text.resolve()
  const until = performance.now() + 2000
  while (performance.now() < until);
  const { error, text: whole } = await came
  expect([error, whole]).toEqual([undefined, 'Half, and half.'])
})

test('an answer without an end is left before it fills the memory', async () => {
  const megabyte = 'x'.repeat(1024 * 1024)
  server().answer(() => Array.from({ length: 70 }, () => ({ raw: megabyte })))
  const { error } = await call(compatible(server().url))
  expectFault(error, INVALID)
  await server().requests[0]!.gone
})
