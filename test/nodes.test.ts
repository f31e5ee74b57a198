import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import type { Batch, NodeHeartbeatAnswer } from '../drizzle/contract/http-api.ts'
import { batchUntil, errorOf, submit, until } from './setup/client.ts'
import { type Answer, type ModelServer, startModelServer } from './setup/model-server.ts'
import { TRACEPARENT } from './setup/new-batch.ts'
import { RUNTIMES } from './setup/start-gateway.ts'
import { type Stack, type StackOptions, startStack } from './stack.ts'

const NODE_TOKEN = 'token-of-the-nodes-of-the-test'

let servers: ModelServer[] = []
let stack: Stack

/** Model servers, each a node. */
async function startNodes(count: number): Promise<ModelServer[]> {
  servers = await Promise.all(Array.from({ length: count }, startModelServer))
  return servers
}

async function start(options: StackOptions): Promise<void> {
  stack = await startStack({ models: servers[0]!, ...options })
}

beforeEach(() => {
  servers = []
})
afterEach(async () => {
  await stack.stop()
  await Promise.all(servers.map((server) => server.close()))
})

const list = (nodes = servers) => nodes.map(({ url }) => url).join(',')

async function beat(fields: Record<string, unknown>, token = NODE_TOKEN): Promise<Response> {
  return fetch(`${stack.gatewayUrl}/v1/nodes/heartbeat`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify(fields),
  })
}

async function ask(prompt: string, conversation_id?: string): Promise<Batch> {
  const fields = { prompt, model: 'qwen3', ...(conversation_id && { conversation_id }) }
  const { batch_id } = await submit(stack.gatewayUrl, fields)
  return batchUntil(stack.gatewayUrl, batch_id)
}

/** Runs something for each of them, so many at once. */
async function atMost<Item>(at: number, items: Item[], act: (item: Item) => Promise<void>) {
  const left = [...items]
  const one = async () => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await act(item)
  }
  await Promise.all(Array.from({ length: at }, one))
}

test('200 conversations of 5 turns over 4 nodes: they stay, evenly, and none is over its capacity', async () => {
  await startNodes(4)
  const running = new Map<ModelServer, number>()
  let most = 0
  const nodeOf = new Map<string, ModelServer[]>()
  for (const server of servers) {
    server.answer(({ messages }): Answer => {
      const conversation = messages[0]!.text
      nodeOf.set(conversation, [...(nodeOf.get(conversation) ?? []), server])
      const now = (running.get(server) ?? 0) + 1
      running.set(server, now)
      most = Math.max(most, now)
      const over = sleep(20).then(() => void running.set(server, running.get(server)! - 1))
      return [{ text: 'An answer.' }, { until: over }]
    })
  }
  await start({ workers: 2, workerSettings: { LLM_SERVICE_URL: list(), NODE_CAPACITY: '12' } })
  const conversations = Array.from({ length: 200 }, (_, i) => `conversation ${i}`)
  await atMost(32, conversations, async (name) => {
    let id: string | undefined
    for (let turn = 0; turn < 5; turn++) {
      const batch = await ask(turn === 0 ? name : `turn ${turn}`, id)
      expect(batch.status).toBe('COMPLETED')
      id = batch.conversation_id
    }
  })
  expect(most).toBeLessThanOrEqual(12)
  const turns = [...nodeOf.values()]
  expect(turns.map((nodes) => nodes.length)).toEqual(Array(200).fill(5))
  const stayed = turns.flatMap((nodes) => nodes.slice(1).map((node, i) => node === nodes[i]))
  expect(stayed.filter(Boolean).length).toBeGreaterThanOrEqual(0.95 * stayed.length)
  for (const { requests } of servers) {
    expect(requests.length).toBeGreaterThanOrEqual(0.8 * 250)
    expect(requests.length).toBeLessThanOrEqual(1.2 * 250)
  }
}, 120_000)

test('what no node has room for waits without a slot, and runs in turn when a place is left', async () => {
  await startNodes(2)
  const [only, other] = servers as [ModelServer, ModelServer]
  const { promise: held, resolve: open } = Promise.withResolvers<void>()
  only.answer(() => [{ until: held }, { text: 'At last.' }])
  await start({
    models: only,
    workerSettings: {
      DEEPSEEK_SERVICE_URL: other.url,
      NODE_CAPACITY: '2',
      WORKER_CONCURRENCY: '4',
    },
  })
  const accepted = await Promise.all(
    Array.from({ length: 20 }, (_, i) =>
      submit(stack.gatewayUrl, { prompt: `${i}`, model: 'qwen3' }),
    ),
  )
  await until(() => only.requests.length === 2)
  await sleep(1_000)
  expect(only.requests).toHaveLength(2)
  const [row] = await stack.database.query(
    `SELECT count(*) FILTER (WHERE status = 3)::integer AS held,
       count(*) FILTER (WHERE status = 0)::integer AS pending FROM tasks`,
  )
  expect(row).toEqual({ held: 2, pending: 18 })
  open()
  for (const { batch_id } of accepted) {
    expect((await batchUntil(stack.gatewayUrl, batch_id)).status).toBe('COMPLETED')
  }
  expect(only.requests).toHaveLength(20)
})

test('a node that answers 429 rests for its Retry-After while the others serve', async () => {
  const [tired, other] = (await startNodes(2)) as [ModelServer, ModelServer]
  let refused = 0
  tired.answer(() =>
    refused++ === 0
      ? { status: 429, body: {}, headers: { 'retry-after': '60' } }
      : [{ text: 'Rested.' }],
  )
  await start({ workerSettings: { LLM_SERVICE_URL: list(), RETRY_BASE_MS: '20' } })
  // The two are equal: one of the first two conversations meets the tired one.
  for (let i = 0; i < 8; i++) expect((await ask(`${i}`)).status).toBe('COMPLETED')
  expect(tired.requests).toHaveLength(1)
  expect(other.requests).toHaveLength(8)
  const [row] = await stack.database.query(
    `UPDATE gemini_service_nodes SET retry_at = now() WHERE status = '429_LIMIT'
     RETURNING url, retry_at > now() - interval '60 s' AS bounded`,
  )
  expect(row).toEqual({ url: `${tired.url}/`, bounded: true })
  for (let i = 0; i < 4; i++) await ask(`again ${i}`)
  expect(tired.requests.length).toBeGreaterThan(1)
})

test('bad and late messages take no room, and a family without room is looked at again', async () => {
  const [only] = (await startNodes(1)) as [ModelServer]
  const { promise: held, resolve: open } = Promise.withResolvers<void>()
  only.answer(() => [{ until: held }, { text: 'Done.' }])
  await start({ workerSettings: { NODE_CAPACITY: '1', WORKER_STREAMS: 'qwen' } })
  const redis = new Redis(stack.redisUrl, { protocol: 2 })
  onTestFinished(() => redis.disconnect())
  for (let i = 0; i < 5; i++) await redis.xadd('qwen_stream', '*', 'no', 'message')
  const first = await submit(stack.gatewayUrl, { prompt: 'first', model: 'qwen3' })
  await until(() => only.requests.length === 1)
  // While the only place is taken: what is long over, and what must wait.
  const old = ['task_id', first.task_ids[0]!, 'fence', '0', 'traceparent', TRACEPARENT]
  for (let i = 0; i < 3; i++) await redis.xadd('qwen_stream', '*', ...old)
  const second = await submit(stack.gatewayUrl, { prompt: 'second', model: 'qwen3' })
  for (let i = 0; i < 3; i++) await redis.xadd('qwen_stream', '*', ...old)
  await sleep(500)
  open()
  for (const { batch_id } of [
    first,
    second,
    await submit(stack.gatewayUrl, { prompt: 'third', model: 'qwen3' }),
  ]) {
    expect((await batchUntil(stack.gatewayUrl, batch_id)).status).toBe('COMPLETED')
  }
})

test('with a lasting backlog those that wait are not overtaken for long', async () => {
  const [only] = (await startNodes(1)) as [ModelServer]
  const answered: string[] = []
  only.answer(({ messages }) => {
    answered.push(messages[0]!.text)
    return [{ until: sleep(20) }, { text: 'Done.' }]
  })
  await start({ workers: 2, workerSettings: { NODE_CAPACITY: '2', WORKER_STREAMS: 'qwen' } })
  const accepted = await Promise.all(
    Array.from({ length: 200 }, (_, i) =>
      submit(stack.gatewayUrl, { prompt: `${i}`, model: 'qwen3' }),
    ),
  )
  for (const { batch_id } of accepted) {
    expect((await batchUntil(stack.gatewayUrl, batch_id)).status).toBe('COMPLETED')
  }
  // All were there at about the same time: nobody is served among the last who came among the first.
  const arrived = await stack.database.query<{ user_prompt: string }>(
    'SELECT user_prompt FROM batches ORDER BY created_at, id',
  )
  const places = arrived.map(({ user_prompt }, i) => answered.indexOf(user_prompt) - i)
  expect(Math.max(...places)).toBeLessThan(120)
}, 120_000)

test('a worker that is killed leaves no load behind: its places are free when its calls are taken over', async () => {
  const [only] = (await startNodes(1)) as [ModelServer]
  let calls = 0
  only.answer(() => (calls++ < 5 ? 'silence' : [{ text: 'Taken over.' }]))
  await start({
    workers: 0,
    workerSettings: { NODE_CAPACITY: '5', LEASE_MS: '2000', WORKER_STREAMS: 'qwen' },
  })
  const doomed = await stack.startWorker()
  const accepted = await Promise.all(
    Array.from({ length: 5 }, (_, i) =>
      submit(stack.gatewayUrl, { prompt: `${i}`, model: 'qwen3' }),
    ),
  )
  await until(() => only.requests.length === 5)
  await doomed.stop('SIGKILL')
  await stack.startWorker()
  for (const { batch_id } of accepted) {
    expect((await batchUntil(stack.gatewayUrl, batch_id)).status).toBe('COMPLETED')
  }
  const held = await stack.database.query(
    'SELECT * FROM loads_of_nodes(ARRAY(SELECT id FROM gemini_service_nodes))',
  )
  expect(held).toEqual([])
})

test('nodes that register themselves serve a family that has no other', async () => {
  const [self] = (await startNodes(1)) as [ModelServer]
  await start({
    gatewaySettings: { NODE_TOKEN, NODE_HOSTS: new URL(self.url).host },
    workerSettings: { NODE_DISCOVERY: 'true', LLM_SERVICE_URL: '', WORKER_STREAMS: 'qwen' },
  })
  const waiting = await submit(stack.gatewayUrl, { prompt: 'early', model: 'qwen3' })
  await sleep(500)
  expect(self.requests).toHaveLength(0)
  const answer = await beat({ family: 'qwen', url: self.url, capacity: 3 })
  expect(answer.status).toBe(200)
  expect(await answer.json()).toEqual({
    node_id: expect.any(String),
    status: 'HEALTHY',
    beat_every_ms: 10_000,
    offline_after_ms: 30_000,
  } satisfies Record<keyof NodeHeartbeatAnswer, unknown>)
  expect((await batchUntil(stack.gatewayUrl, waiting.batch_id)).status).toBe('COMPLETED')
  expect(self.requests[0]?.headers.authorization).toBeUndefined()
})

describe.each(RUNTIMES)('on %s', (runtime) => {
  test('a heartbeat is taken from who has the token, and says which field is wrong', async () => {
    await startNodes(1)
    const NODE_HOSTS = '10.0.0.7:8000, x, Models.example, *.gpu.example:8443'
    await start({ runtime, workers: 0, gatewaySettings: { NODE_TOKEN, NODE_HOSTS } })
    const url = 'http://10.0.0.7:8000/v1'
    expect((await beat({ url })).status).toBe(200)
    const [row] = await stack.database.query('SELECT * FROM gemini_service_nodes')
    expect(row).toMatchObject({ family: 'gemini', url, capacity: 200, self_registered: true })
    expect(await errorOf(await beat({ url }, 'token-of-somebody-else'))).toMatchObject({
      code: 'unauthorized',
    })
    expect(await errorOf(await beat({ url }, ''))).toMatchObject({ code: 'unauthorized' })
    for (const [fields, param] of [
      [{}, 'url'],
      [{ url: 'ftp://x' }, 'url'],
      [{ url: 'http://user:secret@x' }, 'url'],
      [{ url: 'http://x?key=secret' }, 'url'],
      [{ url: `http://x/${'a'.repeat(500)}` }, 'url'],
      [{ url, family: 'gpt' }, 'family'],
      [{ url, capacity: 0 }, 'capacity'],
      [{ url, weight: 0 }, 'weight'],
      [{ url, status: 'OFFLINE' }, 'status'],
    ] as const) {
      expect(await errorOf(await beat(fields))).toMatchObject({ code: 'invalid_request', param })
    }
    for (const allowed of ['https://MODELS.example:1/v1', 'https://a.b.gpu.example:8443']) {
      expect((await beat({ url: allowed })).status, allowed).toBe(200)
    }
    const before = await stack.database.query('SELECT FROM gemini_service_nodes')
    for (const elsewhere of [
      'http://10.0.0.7/v1',
      'http://10.0.0.8:8000',
      'http://169.254.169.254/latest/meta-data',
      'http://localhost:8000',
      'https://gpu.example:8443',
      'https://a.gpu.example',
      'https://evilgpu.example:8443',
      'http://models.example.evil.example',
      'http://models.example.',
    ]) {
      const refused = await beat({ url: elsewhere })
      expect(refused.status, elsewhere).toBe(403)
      expect(await errorOf(refused)).toMatchObject({
        code: 'forbidden',
        message: expect.stringContaining('NODE_HOSTS'),
        param: 'url',
      })
    }
    expect(await stack.database.query('SELECT FROM gemini_service_nodes')).toHaveLength(
      before.length,
    )
  })
})

test('a gateway without a NODE_TOKEN lets no node register', async () => {
  await startNodes(1)
  await start({ workers: 0 })
  expect(await errorOf(await beat({ url: 'http://x' }))).toMatchObject({
    code: 'forbidden',
    message: expect.stringContaining('NODE_TOKEN'),
  })
})
