import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Models } from '../drizzle/contract/http-api.ts'
import { ask, batchUntil, get, submit, until } from './setup/client.ts'
import { type ModelServer, startModelServer } from './setup/model-server.ts'
import type { Program } from './setup/spawn-program.ts'
import { type Stack, startStack } from './stack.ts'

let stack: Stack
let models: ModelServer
let redis: Redis
let worker: Program

beforeAll(async () => {
  models = await startModelServer()
  stack = await startStack({ models, workers: 0 })
  redis = new Redis(stack.redisUrl, { protocol: 2 })
})
beforeEach(async () => {
  models.requests.length = 0
  models.answer(({ model }) => [{ text: `I am ${model}.` }])
  worker = await stack.startWorker({ PARTIAL_MS: '100' })
})
afterEach(async () => {
  expect(await worker.stop()).toBe(0)
})
afterAll(async () => {
  redis.disconnect()
  await stack?.stop()
  await models?.close()
})

/** A step that waits, and what lets it go on. */
function gate() {
  const { promise, resolve } = Promise.withResolvers<void>()
  return { until: promise, open: () => resolve() }
}

test('fifty calls of one family run at once, and the others are not held up by them', async () => {
  const hold = gate()
  models.answer(({ model }) =>
    model.startsWith('deepseek') ? [hold, { text: 'slow' }] : [{ text: 'quick' }],
  )
  const slow = await Promise.all(
    Array.from({ length: 51 }, () =>
      submit(stack.gatewayUrl, { prompt: 'slow', model: 'deepseek-r1:1.5b' }),
    ),
  )
  await until(() => models.requests.length >= 50)
  const quick = await ask(stack.gatewayUrl, { prompt: 'quick', model: 'gemini-2.5-flash,qwen3' })
  expect(quick.status).toBe('COMPLETED')
  expect(models.requests.filter(({ model }) => model.startsWith('deepseek'))).toHaveLength(50)
  hold.open()
  for (const { batch_id } of slow) {
    expect((await batchUntil(stack.gatewayUrl, batch_id)).status).toBe('COMPLETED')
  }
})

test('partial text is seen while the model writes, and is gone afterwards', async () => {
  const hold = gate()
  models.answer(() => [{ reasoning: 'Let me see.' }, { text: 'Half of ' }, hold, { text: 'it.' }])
  const { batch_id } = await submit(stack.gatewayUrl, { prompt: 'a', model: 'qwen3' })
  const partial = await batchUntil(
    stack.gatewayUrl,
    batch_id,
    ({ results }) => results[0]!.response_text !== null,
  )
  expect(partial).toMatchObject({ status: 'PROCESSING', finished_at: null, poll_after_ms: 1000 })
  expect(partial.results[0]).toMatchObject({
    status: 3,
    response_text: 'Half of ',
    reasoning_text: 'Let me see.',
    finished_at: null,
  })
  hold.open()
  const ended = await batchUntil(stack.gatewayUrl, batch_id)
  expect(ended.results[0]).toMatchObject({ status: 1, response_text: 'Half of it.' })
  expect(await stack.database.query('SELECT FROM task_partials')).toHaveLength(0)
})

test.each([
  ['reasoning_content', 'deepseek-r1:1.5b', [{ reasoning: 'Hm.' }, { text: 'Yes.' }]],
  ['reasoning', 'qwen3', [{ reasoning: 'Hm.', field: 'reasoning' }, { text: 'Yes.' }]],
  ['thinking', 'qwen3', [{ reasoning: 'Hm.', field: 'thinking' }, { text: 'Yes.' }]],
  ['<think>', 'qwen3', [{ text: '<thi' }, { text: 'nk>Hm.</th' }, { text: 'ink>\n\nYes.' }]],
  ["Google's thoughts", 'gemini-2.5-pro', [{ reasoning: 'Hm.' }, { text: 'Yes.' }]],
])('reasoning in %s is kept apart from the answer', async (_, model, steps) => {
  models.answer(() => steps)
  const { results } = await ask(stack.gatewayUrl, { prompt: 'a', model })
  expect(results[0]).toMatchObject({
    response_text: 'Yes.',
    reasoning_text: 'Hm.',
    reasoning_ms: expect.any(Number),
  })
})

test('system prompt, temperature and max_tokens reach every model; usage comes back', async () => {
  const { results } = await ask(stack.gatewayUrl, {
    prompt: 'a',
    model: 'gemini-2.5-flash,deepseek-r1:1.5b,qwen3',
    system: 'Be brief.',
    temperature: 0.5,
    max_tokens: 77,
  })
  expect(models.requests).toHaveLength(3)
  for (const { system, temperature, maxTokens, messages } of models.requests) {
    expect({ system, temperature, maxTokens }).toEqual({
      system: 'Be brief.',
      temperature: 0.5,
      maxTokens: 77,
    })
    expect(messages).toEqual([{ role: 'user', text: 'a' }])
  }
  expect(results[2]).toMatchObject({
    finish_reason: 'stop',
    usage: { input_tokens: 11, output_tokens: 7, reasoning_tokens: 3, cached_tokens: 5 },
  })
  const google = models.requests.find(({ model }) => model.startsWith('gemini'))
  expect(google?.headers['x-goog-api-key']).toBe('test-key')
})

test('the next prompt carries the earlier turns: its own answers, else the first success', async () => {
  models.answer(({ model }) =>
    model.startsWith('qwen')
      ? { status: 400, body: { error: { message: 'no' } } }
      : [{ text: `first of ${model}` }],
  )
  const first = await ask(stack.gatewayUrl, { prompt: 'one', model: 'deepseek-r1:1.5b,qwen3' })
  expect(first.status).toBe('PARTIAL')
  models.answer(({ model }) => [{ text: `second of ${model}` }])
  models.requests.length = 0
  await ask(stack.gatewayUrl, {
    prompt: 'two',
    model: 'deepseek-r1:1.5b,qwen3',
    conversation_id: first.conversation_id,
  })
  const turns = [
    { role: 'user', text: 'one' },
    { role: 'assistant', text: 'first of deepseek-r1:1.5b' },
    { role: 'user', text: 'two' },
  ]
  expect(models.requests.map(({ messages }) => messages)).toEqual([turns, turns])

  models.requests.length = 0
  await ask(stack.gatewayUrl, {
    prompt: 'three',
    model: 'deepseek-r1:1.5b,qwen3,gemini-2.5-flash',
    conversation_id: first.conversation_id,
  })
  const second = models.requests.map(({ model, messages }) => [model, messages[3]?.text]).sort()
  expect(second.slice(0, 1)).toEqual([['deepseek-r1:1.5b', 'second of deepseek-r1:1.5b']])
  expect(second.slice(2)).toEqual([['qwen3', 'second of qwen3']])
})

test('a Gemini model asked twice gives two results, told apart by name', async () => {
  const { results } = await ask(stack.gatewayUrl, {
    prompt: 'a',
    model: 'gemini-2.5-flash,qwen3',
    gemini_concurrency: 2,
  })
  expect(results.map(({ model_name, slot }) => [model_name, slot])).toEqual([
    ['gemini-2.5-flash (#1)', 0],
    ['gemini-2.5-flash (#2)', 1],
    ['qwen3', 0],
  ])
})

test('an answer over 1 MB is cut at a whole character, and marked', async () => {
  models.answer(() => [...Array(18)].map(() => ({ text: '語'.repeat(20_000) })))
  const { results } = await ask(stack.gatewayUrl, { prompt: 'a', model: 'qwen3' })
  const [kept, mark] = results[0]!.response_text!.split('\n\n')
  expect(results[0]).toMatchObject({ status: 1, finish_reason: 'cut' })
  expect(Buffer.byteLength(kept!)).toBe(Math.floor((1024 * 1024) / 3) * 3)
  expect(kept).toMatch(/^語+$/)
  expect(mark).toMatch(/cut here/)
})

test('a model that never stops is left once its answer is cut', async () => {
  models.answer(() => [
    ...[...Array(12)].map(() => ({ text: 'x'.repeat(100_000) })),
    { until: new Promise(() => {}) },
  ])
  const { results } = await ask(stack.gatewayUrl, { prompt: 'a', model: 'qwen3' })
  expect(results[0]).toMatchObject({ status: 1, finish_reason: 'cut' })
  await models.requests[0]!.gone
})

test('what Postgres cannot store in a text is taken out of the answer', async () => {
  models.answer(() => [{ text: 'a\u0000b\ud800c' }])
  const { results } = await ask(stack.gatewayUrl, { prompt: 'a', model: 'qwen3' })
  expect(results[0]).toMatchObject({ status: 1, response_text: 'ab\ufffdc' })
})

test.each([
  [401, 'model_refused_credentials'],
  [404, 'model_not_found'],
  [400, 'model_rejected_request'],
  [429, 'model_overloaded'],
  [503, 'model_unavailable'],
])('an answer of status %i fails the task as %s, in our own words', async (status, code) => {
  models.answer(() => ({ status, body: { error: { message: 'SECRET WORDS' } } }))
  const ended = await ask(stack.gatewayUrl, { prompt: 'a', model: 'qwen3,gemini-2.5-flash' })
  expect(ended.status).toBe('FAILED')
  for (const result of ended.results) {
    expect(result).toMatchObject({ status: 2, error_code: code, response_text: null })
    expect(result.error_msg).not.toContain('SECRET')
  }
  expect(worker.output()).not.toContain('SECRET')
})

test('a stream that breaks off is tried again, and at last fails the task and keeps the text', async () => {
  models.answer(() => [{ text: 'Half' }, { until: sleep(300) }, { reset: true }])
  const { results } = await ask(stack.gatewayUrl, { prompt: 'a', model: 'qwen3' })
  expect(results[0]).toMatchObject({
    status: 2,
    error_code: 'model_broke_off',
    response_text: 'Half',
  })
  expect(models.requests).toHaveLength(3)
})

test('an empty answer is a failure', async () => {
  models.answer(() => [{ finish: 'stop' }])
  const { results } = await ask(stack.gatewayUrl, { prompt: 'a', model: 'qwen3' })
  expect(results[0]).toMatchObject({ status: 2, error_code: 'empty_response' })
})

test('a service that is not there, and one that takes too long, fail the task as such', async () => {
  await worker.stop()
  worker = await stack.startWorker({
    LLM_SERVICE_URL: 'http://127.0.0.1:1',
    DEEPSEEK_TIMEOUT_MS: '1000',
  })
  models.answer(() => [{ text: 'Begun' }, { until: new Promise(() => {}) }])
  const { results } = await ask(stack.gatewayUrl, { prompt: 'a', model: 'qwen3,deepseek-r1:1.5b' })
  expect(results.map(({ error_code }) => error_code)).toEqual([
    'model_unreachable',
    'model_timeout',
  ])
  await models.requests[0]!.gone
})

test('Gemini without a key is asked by the first of GEMINI_NODES', async () => {
  await worker.stop()
  worker = await stack.startWorker({
    GEMINI_API_KEY: '',
    GEMINI_BASE_URL: '',
    GEMINI_NODES: `${models.url}/v1/chat/completions, http://127.0.0.1:1`,
  })
  const { results } = await ask(stack.gatewayUrl, { prompt: 'a', model: 'gemini-2.5-flash' })
  expect(results[0]).toMatchObject({ status: 1, response_text: 'I am gemini-2.5-flash.' })
  expect(models.requests[0]!.headers['x-goog-api-key']).toBeUndefined()
})

test('a message delivered three times runs its task once', async () => {
  await worker.stop()
  const { task_ids, batch_id } = await submit(stack.gatewayUrl, { prompt: 'a', model: 'qwen3' })
  const [entry] = await redis.xrange('qwen_stream', '-', '+')
  await redis.xadd('qwen_stream', '*', ...entry![1])
  await redis.xadd('qwen_stream', '*', ...entry![1])
  worker = await stack.startWorker()
  await batchUntil(stack.gatewayUrl, batch_id)
  await until(async () => (await redis.xlen('qwen_stream')) === 0)
  expect(models.requests).toHaveLength(1)
  const [row] = await stack.database.query(
    'SELECT attempt, fence FROM tasks WHERE id = $1',
    task_ids,
  )
  expect(row).toEqual({ attempt: 1, fence: 1 })
})

test('a bad message becomes a dead letter and holds nothing up', async () => {
  const before = await redis.xlen('sys_dead_letters')
  const { batch_id } = await submit(stack.gatewayUrl, { prompt: 'a', model: 'qwen3' })
  const { results } = await batchUntil(stack.gatewayUrl, batch_id)
  const nowhere = '01990b6e-7a4c-7000-8a5e-3f1c2b4d5e6f'
  await redis.xadd('qwen_stream', '*', 'noise', 'x'.repeat(10_000))
  await redis.xadd('qwen_stream', '*', 'task_id', nowhere, 'fence', '0')
  await redis.xadd('qwen_stream', '*', 'task_id', results[0]!.task_id, 'fence', '9')
  const { task_ids } = await submit(stack.gatewayUrl, { prompt: 'b', model: 'deepseek-r1:1.5b' })
  await redis.xadd('qwen_stream', '*', 'task_id', task_ids[0]!, 'fence', '0')
  await until(async () => (await redis.xlen('sys_dead_letters')) === before + 4)
  const letters = await stack.database.query<{ error_code: string }>(
    `SELECT error_code FROM dead_letters WHERE source = 'qwen_stream' ORDER BY original_id`,
  )
  expect(letters.map(({ error_code }) => error_code)).toEqual([
    'unreadable_message',
    'unknown_task',
    'future_fence',
    'wrong_stream',
  ])
  expect((await ask(stack.gatewayUrl, { prompt: 'still', model: 'qwen3' })).status).toBe(
    'COMPLETED',
  )
  expect(await redis.xlen('qwen_stream')).toBe(0)
})

test('a drained worker finishes what ends in time, hands back the rest, and exits 0', async () => {
  const short = gate()
  models.answer(({ messages }) =>
    messages[0]!.text === 'short' ? [short, { text: 'done' }] : [{ until: new Promise(() => {}) }],
  )
  const long = await submit(stack.gatewayUrl, { prompt: 'long', model: 'qwen3' })
  const quick = await submit(stack.gatewayUrl, { prompt: 'short', model: 'qwen3' })
  await until(() => models.requests.length === 2)
  const stopped = worker.stop()
  short.open()
  expect(await stopped).toBe(0)
  expect((await batchUntil(stack.gatewayUrl, quick.batch_id)).status).toBe('COMPLETED')
  const [row] = await stack.database.query(
    'SELECT status, fence, failures, deaths, worker_id FROM tasks WHERE id = $1',
    long.task_ids,
  )
  expect(row).toEqual({ status: 0, fence: 2, failures: 0, deaths: 0, worker_id: null })

  models.answer(() => [{ text: 'by the next' }])
  worker = await stack.startWorker()
  const ended = await batchUntil(stack.gatewayUrl, long.batch_id)
  expect(ended.results[0]).toMatchObject({ status: 1, response_text: 'by the next' })
})

test('what a killed worker held is run by another once its lease has run out', async () => {
  models.answer(() => [{ text: 'never ' }, { until: new Promise(() => {}) }])
  const { batch_id, task_ids } = await submit(stack.gatewayUrl, { prompt: 'a', model: 'qwen3' })
  await until(() => models.requests.length === 1)
  await worker.stop('SIGKILL')
  models.answer(() => [{ text: 'by the next' }])
  worker = await stack.startWorker()
  const ended = await batchUntil(stack.gatewayUrl, batch_id)
  expect(ended.results[0]).toMatchObject({ status: 1, response_text: 'by the next' })
  const [row] = await stack.database.query(
    'SELECT deaths, failures FROM tasks WHERE id = $1',
    task_ids,
  )
  expect(row).toEqual({ deaths: 1, failures: 0 })
})

test('a call whose task is no longer ours is ended at once', async () => {
  models.answer(() => [{ text: 'mine' }, { until: new Promise(() => {}) }])
  const { task_ids, batch_id } = await submit(stack.gatewayUrl, { prompt: 'a', model: 'qwen3' })
  await until(() => models.requests.length === 1)
  await stack.database.query('UPDATE tasks SET fence = fence + 1 WHERE id = $1', task_ids)
  await models.requests[0]!.gone
  // Its lease runs out, and whoever takes it over finishes it.
  models.answer(() => [{ text: 'by the next' }])
  const { results } = await batchUntil(stack.gatewayUrl, batch_id)
  expect(results[0]).toMatchObject({ status: 1, response_text: 'by the next' })
})

test('a task whose message was lost is rung again', async () => {
  await worker.stop()
  const { batch_id, task_ids } = await submit(stack.gatewayUrl, { prompt: 'a', model: 'qwen3' })
  await redis.del('qwen_stream')
  await stack.database.query(
    `UPDATE tasks SET rung_at = now() - interval '11 s' WHERE id = ANY ($1)`,
    [task_ids],
  )
  worker = await stack.startWorker()
  expect((await batchUntil(stack.gatewayUrl, batch_id)).status).toBe('COMPLETED')
})

test('a database that its Redis does not have ends a worker, and no other is used', async () => {
  const url = new URL(stack.redisUrl)
  url.pathname = '/999999'
  let lost: Program | undefined
  const starting = stack.startWorker({ REDIS_URL: url.href }, (program) => {
    lost = program
  })
  await expect(starting).rejects.toThrow('REDIS_URL: this Redis has no database 999999.')
  expect(await lost?.stop()).toBe(1)
})

test('a worker is listed as listening to its families until it stops', async () => {
  await worker.stop()
  // Killed workers of earlier tests would be counted for a while yet.
  await redis.del('worker_presence')
  const available = async () => {
    const { data } = await get<Models>(stack.gatewayUrl, '/v1/models')
    return [...new Set(data.filter((model) => model.available).map(({ family }) => family))]
  }
  expect(await available()).toEqual([])
  worker = await stack.startWorker({ WORKER_STREAMS: 'gemini' })
  const health = await get<{ workers: unknown }>(stack.gatewayUrl, '/health')
  expect(health.workers).toEqual({ heard_of: 1, families: { gemini: 1 } })
  expect(await available()).toEqual(['gemini'])
})
