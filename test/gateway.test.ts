import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { Conversations, History, SubmitAnswer } from '../drizzle/contract/http-api.ts'
import { ask, batchUntil, errorOf, get, post, submit } from './setup/client.ts'
import { startModelServer } from './setup/model-server.ts'
import { monitorRedis } from './setup/redis-monitor.ts'
import { type Stack, startStack } from './stack.ts'

let stack: Stack
let models: Awaited<ReturnType<typeof startModelServer>>

beforeAll(async () => {
  models = await startModelServer()
  stack = await startStack({ models })
})
afterEach(() => {
  Object.assign(stack.sql, { down: false, loseAnswers: 0 })
  stack.rest.down = false
})
afterAll(async () => {
  await stack?.stop()
  await models?.close()
})

async function batchesStored(): Promise<number> {
  return (await stack.database.query('SELECT FROM batches')).length
}

test('JSON is taken as well as multipart', async () => {
  const response = await fetch(`${stack.gatewayUrl}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json; charset=utf-8' },
    body: JSON.stringify({ prompt: 'a', model: 'qwen3', gemini_concurrency: 1, system: null }),
  })
  expect(response.status).toBe(202)
  const { batch_id } = (await response.json()) as SubmitAnswer
  expect((await batchUntil(stack.gatewayUrl, batch_id)).status).toBe('COMPLETED')
})

test('without a model the default one answers; doubled names collapse; any comma parts', async () => {
  const one = await ask(stack.gatewayUrl, { prompt: 'a' })
  expect(one.results.map(({ model }) => model)).toEqual(['gemini-2.5-flash'])
  const two = await ask(stack.gatewayUrl, { prompt: 'a', model: 'qwen3，deepseek-chat, Qwen3,' })
  expect(two.results.map(({ model }) => model)).toEqual(['qwen3', 'deepseek-chat'])
})

test('valid JSON of the oddest values is taken or refused, and never a 500', async () => {
  const before = await batchesStored()
  const statuses: Record<string, number> = {}
  const bodies: Record<string, unknown>[] = [
    { conversation_id: '' },
    { temperature: 1e-50 },
    { temperature: -0 },
    { system: '' },
    { prompt: '\ud800' },
    { temperature: null },
    { max_tokens: 2 ** 31 },
    { gemini_concurrency: [1] },
    { model: { a: 1 } },
    { model: 'gemini/../../../admin?x=#' },
    { model: 'gemini-2.5-flash?alt=json#' },
    { model: 'qwen\n3' },
    { prompt: ['a'] },
    { __proto__: null, constructor: 'x', toString: 7 },
  ]
  for (const fields of bodies) {
    const response = await fetch(`${stack.gatewayUrl}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ prompt: 'a', model: 'qwen3', ...fields }),
    })
    statuses[JSON.stringify(fields)] = response.status
  }
  expect(Object.values(statuses)).toEqual([
    202, 202, 202, 202, 202, 202, 400, 400, 400, 400, 400, 400, 400, 202,
  ])
  expect(await batchesStored()).toBe(before + 7)
})

test.each([
  { changedUs: 1e300, conversationId: '01990b6e-7a4c-7000-8a5e-3f1c2b4d5e6f' },
  { changedUs: -1, conversationId: '01990b6e-7a4c-7000-8a5e-3f1c2b4d5e6f' },
  { changedUs: 1, conversationId: 'x' },
  { place: "'; DROP TABLE tasks" },
])('a cursor of %j is refused', async (place) => {
  const cursor = Buffer.from(JSON.stringify(place)).toString('base64url')
  const response = await fetch(`${stack.gatewayUrl}/v1/conversations?cursor=${cursor}`)
  expect(response.status).toBe(400)
})

test('the same Idempotency-Key finds the first batch; with other content it is a conflict', async () => {
  const before = await batchesStored()
  const headers = { 'Idempotency-Key': 'once' }
  const first = await post(stack.gatewayUrl, { prompt: 'a', model: 'qwen3' }, headers)
  const again = await post(stack.gatewayUrl, { prompt: 'a', model: 'qwen3' }, headers)
  expect([first.status, again.status]).toEqual([202, 202])
  expect(first.headers.get('idempotent-replayed')).toBeNull()
  expect(again.headers.get('idempotent-replayed')).toBe('true')
  expect(await again.json()).toEqual(await first.json())
  const other = await post(stack.gatewayUrl, { prompt: 'b', model: 'qwen3' }, headers)
  expect(other.status).toBe(422)
  expect(await errorOf(other)).toMatchObject({ code: 'idempotency_conflict' })
  expect(await batchesStored()).toBe(before + 1)
  const bad = await post(stack.gatewayUrl, { prompt: 'a' }, { 'Idempotency-Key': 'a b' })
  expect(bad.status).toBe(400)
})

test('a replayed submit rings what is still PENDING', async () => {
  const headers = { 'Idempotency-Key': 'ring' }
  stack.rest.down = true
  const first = await post(stack.gatewayUrl, { prompt: 'a', model: 'qwen3' }, headers)
  const { batch_id } = (await first.json()) as SubmitAnswer
  stack.rest.down = false
  expect((await batchUntil(stack.gatewayUrl, batch_id, () => true)).status).toBe('PROCESSING')
  await post(stack.gatewayUrl, { prompt: 'a', model: 'qwen3' }, headers)
  expect((await batchUntil(stack.gatewayUrl, batch_id, undefined, 5000)).status).toBe('COMPLETED')
})

test('a statement whose answer is lost is repeated with the same ids, and stored once', async () => {
  const before = await batchesStored()
  stack.sql.take()
  stack.sql.loseAnswers = 2
  const { batch_id } = await submit(stack.gatewayUrl, { prompt: 'a', model: 'qwen3' })
  const sent = stack.sql.take()
  expect(sent).toHaveLength(3)
  expect(sent[1]).toEqual(sent[0])
  expect(await batchesStored()).toBe(before + 1)
  expect((await batchUntil(stack.gatewayUrl, batch_id)).status).toBe('COMPLETED')
})

test('a submit while the gateway cannot reach Redis is accepted, and runs when a sweep rings it', async () => {
  stack.rest.down = true
  const { batch_id } = await submit(stack.gatewayUrl, { prompt: 'a', model: 'qwen3' })
  expect((await batchUntil(stack.gatewayUrl, batch_id)).status).toBe('COMPLETED')
  const health = await fetch(`${stack.gatewayUrl}/health`)
  expect(health.status).toBe(503)
  expect(await health.json()).toMatchObject({
    status: 'degraded',
    dependencies: { postgres: { state: 'up' }, redis: { state: 'down', code: 'unreachable' } },
    workers: null,
  })
})

test('a submit while Postgres is away is 503 with Retry-After, and stores nothing', async () => {
  const before = await batchesStored()
  stack.sql.down = true
  const response = await post(stack.gatewayUrl, { prompt: 'a', model: 'qwen3' })
  expect(response.status).toBe(503)
  expect(response.headers.get('retry-after')).toBe('5')
  expect(await errorOf(response)).toMatchObject({ code: 'unavailable', type: 'api_error' })
  stack.sql.down = false
  expect(await batchesStored()).toBe(before)
})

test("the caller's traceparent stands in the stream message", async () => {
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
  stack.rest.take()
  await post(stack.gatewayUrl, { prompt: 'a', model: 'qwen3' }, { traceparent })
  await post(stack.gatewayUrl, { prompt: 'a', model: 'qwen3' }, { traceparent: 'nonsense' })
  const [given, made] = (stack.rest.take() as string[][][]).map((pipeline) => pipeline[0]!.at(-1))
  expect(given).toBe(traceparent)
  expect(made).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/)
})

test("the caller's X-Request-Id comes back, on refusals too", async () => {
  const headers = { 'X-Request-Id': 'my-request-7' }
  for (const path of ['/v1/models', '/v1/batches/x']) {
    const response = await fetch(stack.gatewayUrl + path, { headers })
    expect(response.headers.get('x-request-id')).toBe('my-request-7')
  }
})

test('a conversation goes on, and its history is paged, oldest first', async () => {
  const first = await ask(stack.gatewayUrl, { prompt: 'one\nmore', model: 'qwen3' })
  const { conversation_id } = first
  for (const prompt of ['two', 'three']) {
    const next = await ask(stack.gatewayUrl, { prompt, model: 'qwen3', conversation_id })
    expect(next.conversation_id).toBe(conversation_id)
  }
  const path = `/v1/conversations/${conversation_id}/history`
  const page = await get<History>(stack.gatewayUrl, `${path}?limit=2`)
  expect(page.title).toBe('one')
  expect(page.batches.map(({ user_prompt }) => user_prompt)).toEqual(['one\nmore', 'two'])
  const rest = await get<History>(stack.gatewayUrl, `${path}?limit=2&cursor=${page.next_cursor}`)
  expect(rest.batches.map(({ user_prompt }) => user_prompt)).toEqual(['three'])
  expect(rest.next_cursor).toBeNull()
})

test('conversations are paged without gap or doubling, the last changed first', async () => {
  const seen: string[] = []
  let cursor: string | null = null
  do {
    const path: string = `/v1/conversations?limit=2${cursor ? `&cursor=${cursor}` : ''}`
    const page: Conversations = await get(stack.gatewayUrl, path)
    expect(page.conversations.length).toBeLessThanOrEqual(2)
    seen.push(...page.conversations.map(({ conversation_id }) => conversation_id))
    cursor = page.next_cursor
  } while (cursor)
  const rows = await stack.database.query<{ id: string }>(
    'SELECT id FROM conversations ORDER BY updated_at DESC, id DESC',
  )
  expect(seen).toEqual(rows.map(({ id }) => id))
  expect(seen.length).toBeGreaterThan(4)
})

test('no prompt and no answer stands in Redis', async () => {
  const canary = 'canary-3f1c2b4d'
  models.answer(() => [{ text: `answer ${canary}` }])
  const monitor = await monitorRedis(stack.redisUrl)
  const { results } = await ask(stack.gatewayUrl, { prompt: `prompt ${canary}`, model: 'qwen3' })
  monitor.close()
  expect(monitor.heard()).toContain(results[0]!.task_id)
  expect(monitor.heard()).not.toContain(canary)
})
