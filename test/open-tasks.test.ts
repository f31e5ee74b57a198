import { afterAll, beforeAll, expect, test } from 'vitest'
import type { SubmitAnswer } from '../drizzle/contract/http-api.ts'
import { batchUntil, errorOf, type Fields, post, until } from './setup/client.ts'
import { type Stack, startStack } from './stack.ts'

let stack: Stack
beforeAll(async () => {
  stack = await startStack({
    workers: 0,
    gatewaySettings: { MAX_OPEN_TASKS: '4', MAX_QUEUE_DEPTH: '3' },
  })
})
afterAll(() => stack?.stop())

const send = (fields: Fields, headers?: HeadersInit) =>
  post(stack.gatewayUrl, { prompt: 'a', ...fields }, headers)

test('over a limit a submit is 429, says which one and when to try again, and keeps nothing', async () => {
  const headers = { 'Idempotency-Key': 'first' }
  const first = { model: 'qwen3,deepseek-chat,gemini-2.5-flash' }
  const accepted = await send(first, headers)
  expect(accepted.status).toBe(202)
  const { task_ids } = (await accepted.json()) as SubmitAnswer
  const files = new File(['hello'], 'a.txt')
  stack.sql.take()
  const refused = await send({ model: 'qwen3,deepseek-chat', files })
  expect(stack.sql.take()).toHaveLength(1)
  expect(refused.status).toBe(429)
  expect(refused.headers.get('retry-after')).toMatch(/^[1-9]\d?$/)
  expect(await errorOf(refused)).toMatchObject({
    code: 'rate_limited',
    message: expect.stringMatching(/at most 4 open tasks.*finished, or cancel some/),
  })
  expect(await stack.database.query('SELECT FROM batches')).toHaveLength(1)
  expect(await stack.database.query('SELECT FROM files')).toHaveLength(0)
  await until(async () => (await stack.objectKeys()).length === 0)
  expect((await send({ model: 'qwen3' })).status).toBe(202)

  const cancelled = await fetch(`${stack.gatewayUrl}/v1/tasks/${task_ids[0]}/cancel`, {
    method: 'POST',
  })
  expect(cancelled.status).toBe(200)
  const retry = () => fetch(`${stack.gatewayUrl}/v1/tasks/${task_ids[0]}/retry`, { method: 'POST' })
  expect((await send({ model: 'qwen3' })).status).toBe(202)
  const notRetried = await retry()
  expect(notRetried.status).toBe(429)
  expect(notRetried.headers.get('retry-after')).toMatch(/^[1-9]\d?$/)
  expect((await errorOf(notRetried)).code).toBe('rate_limited')

  const again = await send(first, headers)
  expect(again.status).toBe(202)
  expect(again.headers.get('idempotent-replayed')).toBe('true')
})

test('where too many wait for a family, nobody more is taken for it', async () => {
  await stack.database.query("UPDATE tasks SET owner = 'ada'")
  expect((await send({ model: 'qwen3' })).status).toBe(202)
  const refused = await send({ model: 'deepseek-chat,qwen3' })
  expect(refused.status).toBe(429)
  expect(refused.headers.get('retry-after')).toMatch(/^[1-9]\d?$/)
  expect(await errorOf(refused)).toMatchObject({
    code: 'rate_limited',
    message: expect.stringMatching(/At most 3 tasks may wait/),
  })
  const other = await send({ model: 'deepseek-chat' })
  expect(other.status).toBe(202)
  const { batch_id } = (await other.json()) as { batch_id: string }
  expect((await batchUntil(stack.gatewayUrl, batch_id, () => true)).status).toBe('PROCESSING')
})
