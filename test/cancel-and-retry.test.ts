import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { Batch, Task } from '../drizzle/contract/http-api.ts'
import { ask, batchUntil, errorOf, submit, until } from './setup/client.ts'
import { type ModelRequest, startModelServer } from './setup/model-server.ts'
import { type Stack, startStack } from './stack.ts'

const NOBODY = '01990b6e-7a4c-7000-8a5e-3f1c2b4d5e6f'
const ALL = 'qwen3, gemini-2.5-flash, deepseek-chat'

let stack: Stack
let models: Awaited<ReturnType<typeof startModelServer>>

beforeAll(async () => {
  models = await startModelServer()
  stack = await startStack({ models, workerSettings: { NODE_CAPACITY: '1' } })
})
afterEach(() => {
  stack.rest.down = false
  models.requests.length = 0
  models.answer(({ model }) => [{ text: `I am ${model}.` }])
})
afterAll(async () => {
  await stack?.stop()
  await models?.close()
})

const send = (path: string, body?: unknown) =>
  fetch(stack.gatewayUrl + path, {
    method: 'POST',
    ...(body !== undefined && {
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    }),
  })

async function sent<Body>(path: string, status = 200, body?: unknown): Promise<Body> {
  const response = await send(path, body)
  expect(response.status, await response.clone().text()).toBe(status)
  return (await response.json()) as Body
}

async function refused(path: string, body?: unknown) {
  const response = await send(path, body)
  const { code, message, param } = await errorOf(response)
  expect(message).not.toBe('')
  return { status: response.status, code, param }
}

/** Calls that have begun to answer, and would never end by themselves. */
async function endless(fields: { prompt: string; model: string }) {
  models.requests.length = 0
  models.answer(() => [{ text: 'So far' }, { until: new Promise(() => {}) }])
  const { batch_id } = await submit(stack.gatewayUrl, fields)
  const batch = await batchUntil(stack.gatewayUrl, batch_id, ({ results }) =>
    results.every(({ status, response_text }) => status === 3 && response_text === 'So far'),
  )
  return { batch, requests: [...models.requests] }
}

/** Resolves when the calls to the model have been broken off, long before their own time-outs. */
async function aborted(requests: ModelRequest[]) {
  let open = requests.length
  for (const { gone } of requests) void gone!.then(() => open--)
  await until(() => open === 0, 10_000)
}

test('a cancelled batch ends at once, and its calls are aborted; once more changes nothing', async () => {
  const { batch, requests } = await endless({ prompt: 'a', model: ALL })
  expect(requests).toHaveLength(3)
  const path = `/v1/batches/${batch.batch_id}`
  const cancelled = await sent<Batch>(`${path}/cancel`)
  expect(cancelled).toMatchObject({ status: 'CANCELLED', poll_after_ms: null })
  expect(cancelled.results.map(({ status, response_text }) => [status, response_text])).toEqual(
    Array(3).fill([4, 'So far']),
  )
  await aborted(requests)
  expect(await sent<Batch>(`${path}/cancel`)).toEqual(cancelled)
  expect(await batchUntil(stack.gatewayUrl, batch.batch_id)).toEqual(cancelled)
})

test('one task is cancelled, and the rest of its batch goes on', async () => {
  const { batch, requests } = await endless({ prompt: 'a', model: 'qwen3, deepseek-chat' })
  const [mine, other] = batch.results.map(({ task_id }) => task_id)
  const task = await sent<Task>(`/v1/tasks/${mine}/cancel`)
  expect(task).toMatchObject({ task_id: mine, batch_id: batch.batch_id, status: 4 })
  await aborted(requests.filter(({ model }) => model === 'qwen3'))
  expect(await sent<Task>(`/v1/tasks/${mine}/cancel`)).toEqual(task)
  const rest = await batchUntil(stack.gatewayUrl, batch.batch_id, () => true)
  expect(rest).toMatchObject({ status: 'PROCESSING' })
  await sent(`/v1/tasks/${other}/cancel`)
})

test('the place of a cancelled call, and of a deleted one, goes to the task that waits', async () => {
  const cancelled = await endless({ prompt: 'a', model: 'qwen3' })
  const deleted = await submit(stack.gatewayUrl, { prompt: 'b', model: 'qwen3' })
  await sent(`/v1/batches/${cancelled.batch.batch_id}/cancel`)
  await until(() => models.requests.length === 2)
  models.answer(() => [{ text: 'At last' }])
  const last = await submit(stack.gatewayUrl, { prompt: 'c', model: 'qwen3' })
  const path = `${stack.gatewayUrl}/v1/conversations/${deleted.conversation_id}`
  expect((await fetch(path, { method: 'DELETE' })).status).toBe(204)
  await aborted(models.requests.slice(1, 2))
  expect(await batchUntil(stack.gatewayUrl, last.batch_id)).toMatchObject({
    status: 'COMPLETED',
    results: [{ response_text: 'At last' }],
  })
})

test('a task that failed is tried again, and its batch with it', async () => {
  models.answer(({ model }) =>
    model === 'qwen3' ? { status: 400, body: {} } : [{ text: 'An answer' }],
  )
  const failed = await ask(stack.gatewayUrl, { prompt: 'a', model: 'qwen3, deepseek-chat' })
  expect(failed.status).toBe('PARTIAL')
  const [mine, other] = failed.results.map(({ task_id }) => task_id)
  const { promise: seen, resolve: goOn } = Promise.withResolvers<void>()
  models.answer(() => [{ until: seen }, { text: 'Better' }])
  const task = await sent<Task>(`/v1/tasks/${mine}/retry`, 202)
  expect(task).toMatchObject({ task_id: mine, error_code: null, finished_at: null })
  goOn()
  const batch = await batchUntil(stack.gatewayUrl, failed.batch_id)
  expect(batch.status).toBe('COMPLETED')
  expect(batch.results.map(({ response_text }) => response_text)).toEqual(['Better', 'An answer'])
  const conflict = { status: 409, code: 'conflict', param: null }
  expect(await refused(`/v1/tasks/${mine}/retry`)).toEqual(conflict)
  expect(await refused(`/v1/tasks/${other}/retry`)).toEqual(conflict)
})

test('a cancelled task is tried again, also while Redis is away; a running one is not', async () => {
  const { batch, requests } = await endless({ prompt: 'a', model: 'qwen3' })
  const { task_id } = batch.results[0]!
  expect(await refused(`/v1/tasks/${task_id}/retry`)).toMatchObject({ status: 409 })
  await sent(`/v1/tasks/${task_id}/cancel`)
  await aborted(requests)
  models.answer(() => [{ text: 'Now' }])
  stack.rest.down = true
  expect(await sent<Task>(`/v1/tasks/${task_id}/retry`, 202)).toMatchObject({ status: 0 })
  // A sweep would ring it in ten seconds.
  stack.rest.down = false
  await sent(`/v1/tasks/${task_id}/cancel`)
  await sent(`/v1/tasks/${task_id}/retry`, 202)
  const done = await batchUntil(stack.gatewayUrl, batch.batch_id)
  expect(done).toMatchObject({ status: 'COMPLETED', results: [{ response_text: 'Now' }] })
})

test('the chosen answer is what the next prompt gives every model', async () => {
  models.answer(({ model }) => [{ text: `I am ${model}.` }])
  const model = 'qwen3, deepseek-chat'
  const one = await ask(stack.gatewayUrl, { prompt: 'one', model })
  expect(one.chosen_task_id).toBeNull()
  const path = `/v1/batches/${one.batch_id}/choose`
  const { task_id } = one.results[1]!
  const chosen = await sent<Batch>(path, 200, { task_id: task_id.toUpperCase() })
  expect(chosen).toEqual({ ...one, chosen_task_id: task_id })
  expect(await sent<Batch>(path, 200, { task_id: null })).toEqual(one)
  await sent<Batch>(path, 200, { task_id })
  models.requests.length = 0
  const { conversation_id } = one
  await ask(stack.gatewayUrl, { prompt: 'two', model, conversation_id })
  const seen = models.requests.map(({ body }) => JSON.stringify(body))
  expect(seen).toHaveLength(2)
  for (const text of seen) {
    expect(text).toContain('I am deepseek-chat.')
    expect(text).not.toContain('I am qwen3.')
  }
  expect(await refused(path, { task_id: null })).toEqual({
    status: 409,
    code: 'conflict',
    param: null,
  })
})

test('what cannot be chosen is refused, each with its reason', async () => {
  const one = await ask(stack.gatewayUrl, { prompt: 'one', model: 'qwen3' })
  const { batch, requests } = await endless({ prompt: 'two', model: 'qwen3' })
  const path = `/v1/batches/${batch.batch_id}/choose`
  const open = { task_id: batch.results[0]!.task_id }
  const invalid = { status: 400, code: 'invalid_request', param: 'task_id' }
  expect(await refused(path, open)).toEqual({ status: 409, code: 'conflict', param: 'task_id' })
  expect(await refused(path, { task_id: one.results[0]!.task_id })).toEqual(invalid)
  expect(await refused(path, { task_id: 'x' })).toEqual(invalid)
  expect(await refused(path, {})).toEqual(invalid)
  expect(await refused(path, [])).toMatchObject({ status: 400 })
  const form = await fetch(stack.gatewayUrl + path, { method: 'POST', body: new FormData() })
  expect(form.status).toBe(415)
  await sent(`/v1/batches/${batch.batch_id}/cancel`)
  await aborted(requests)
})

test.each([
  '/v1/tasks/ID/cancel',
  '/v1/tasks/ID/retry',
  '/v1/batches/ID/cancel',
  '/v1/batches/ID/choose',
])('%s of what is not there is 404', async (path) => {
  for (const id of [NOBODY, 'x', '%00']) {
    const answer = await refused(path.replace('ID', id), { task_id: null })
    expect(answer).toMatchObject({ status: 404, code: 'not_found' })
  }
})
