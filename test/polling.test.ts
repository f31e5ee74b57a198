import { once } from 'node:events'
import { Agent, get as httpGet } from 'node:http'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Batch } from '../drizzle/contract/http-api.ts'
import { batchUntil, get, submit, until } from './setup/client.ts'
import { type ModelServer, startModelServer } from './setup/model-server.ts'
import { as, LOCAL_KEY } from './setup/send-key.ts'
import { RUNTIMES, type Runtime } from './setup/start-gateway.ts'
import { type Stack, startStack } from './stack.ts'

const MODEL = 'qwen3:1.7b'
/** Longer than a wait pauses between two looks. */
const PAUSE_MS = 1500

let models: ModelServer
let stack: Stack
/** Lets the model go on with the answer that it has begun. */
let goOn = () => {}

function useStack(runtime: Runtime): void {
  beforeAll(async () => {
    models = await startModelServer()
    stack = await startStack({ runtime, models, workerSettings: { PARTIAL_MS: '100' } })
  })
  beforeEach(() => {
    models.answer(() => {
      const { promise, resolve } = Promise.withResolvers<void>()
      goOn = resolve
      return [{ text: 'So f' }, { until: promise }, { text: 'ar' }]
    })
  })
  afterEach(() => goOn())
  afterAll(async () => {
    await stack?.stop()
    await models?.close()
  })
}

function read(path: string, headers: Record<string, string> = {}, signal?: AbortSignal) {
  return fetch(stack.gatewayUrl + path, { headers, signal: signal ?? null })
}

async function tagOf(path: string): Promise<string> {
  return (await read(path)).headers.get('etag')!
}

/** The paths of a batch whose model has begun to write and goes no further, and of its task. */
async function begun(fields: { files?: Blob } = {}): Promise<[batch: string, task: string]> {
  const asked = { prompt: 'a', model: MODEL, ...fields }
  const { batch_id, task_ids } = await submit(stack.gatewayUrl, asked)
  await batchUntil(stack.gatewayUrl, batch_id, ({ results }) => results[0]?.response_text !== null)
  return [`/v1/batches/${batch_id}`, `/v1/tasks/${task_ids[0]}`]
}

describe.each(RUNTIMES)('waiting on %s', (runtime) => {
  useStack(runtime)

  test('who waits is answered when something changes, whether it named a tag or not', async () => {
    const [batch, task] = await begun()
    const named = { batch: await tagOf(batch), task: await tagOf(task) }
    const waits = [
      read(batch, { prefer: 'wait=30', 'if-none-match': named.batch }),
      read(task, { prefer: 'wait=30', 'if-none-match': named.task }),
      read(batch, { prefer: 'respond-async, wait=999' }),
    ]
    await sleep(PAUSE_MS)
    goOn()
    for (const answer of await Promise.all(waits)) {
      expect(answer.status).toBe(200)
      expect(answer.headers.get('preference-applied')).toBe('wait=30')
      expect([named.batch, named.task]).not.toContain(answer.headers.get('etag'))
      expect(await answer.text()).toMatch(/"So far"/)
    }
  })

  test('many wait for the same batch, and all are answered', async () => {
    const [path] = await begun()
    const headers = { prefer: 'wait=30', 'if-none-match': await tagOf(path) }
    stack.sql.take()
    const waits = Array.from({ length: 20 }, () => read(path, headers))
    await sleep(PAUSE_MS)
    goOn()
    const statuses = (await Promise.all(waits)).map(({ status }) => status)
    expect(statuses).toEqual(Array(20).fill(200))
    const looks = stack.sql.take().length
    // In one process all share the looks; where requests may share nothing, each takes its own.
    if (runtime === 'workerd') expect(looks).toBeGreaterThan(40)
    else expect(looks).toBeLessThan(20)
  })

  test('nothing is looked at any more for who has hung up', async () => {
    const [path] = await begun()
    const hangUp = new AbortController()
    // A workerd without Cloudflare around it does not see that; there the time is all that ends it.
    const seconds = runtime === 'workerd' ? 2 : 30
    stack.sql.take()
    const waits = read(path, { prefer: `wait=${seconds}` }, hangUp.signal)
    await until(() => stack.sql.take().length > 0)
    hangUp.abort()
    await expect(waits).rejects.toThrow(/abort/)
    await sleep(runtime === 'workerd' ? 2000 : 500)
    stack.sql.take()
    await sleep(PAUSE_MS)
    expect(stack.sql.take()).toEqual([])
  })
})

describe('the answers', () => {
  useStack('node')

  test('what has not changed is told by a tag, for one statement and without a body', async () => {
    for (const path of await begun()) {
      const tag = await tagOf(path)
      expect(tag).toMatch(/^W\/"\d+(\.\d+){3}"$/)
      for (const known of [tag, tag.slice(2), `"x", ${tag}`, '*']) {
        stack.sql.take()
        const same = await read(path, { 'if-none-match': known })
        expect([same.status, await same.text(), same.headers.get('etag')]).toEqual([304, '', tag])
        expect(same.headers.get('cache-control')).toBe('private, no-cache')
        expect(same.headers.get('x-request-id')).toBeTruthy()
        expect(stack.sql.take()).toHaveLength(1)
      }
      const other = await read(path, { 'if-none-match': 'W/"1.2.3.4", nonsense' })
      expect([other.status, other.headers.get('etag')]).toEqual([200, tag])
      expect(await other.text()).toMatch(/"So f"/)
    }
  })

  test('who waits in vain is told so when the time is over', async () => {
    const [path] = await begun()
    const tag = await tagOf(path)
    const [named, unnamed] = await Promise.all([
      read(path, { prefer: 'wait=1', 'if-none-match': tag }),
      read(path, { prefer: 'wait=1' }),
    ])
    expect([named.status, await named.text(), named.headers.get('etag')]).toEqual([304, '', tag])
    expect([unnamed.status, unnamed.headers.get('etag')]).toEqual([200, tag])
    expect(await unnamed.json()).toMatchObject({ results: [{ response_text: 'So f' }] })
    for (const { headers } of [named, unnamed]) {
      expect(headers.get('preference-applied')).toBe('wait=1')
    }
  })

  test('who waits beside others is told what it does not know itself', async () => {
    const [path] = await begun()
    const tag = await tagOf(path)
    const waits = [tag, '*'].map((known) =>
      read(path, { prefer: 'wait=2', 'if-none-match': known }),
    )
    await until(() => stack.sql.take().length > 0)
    const old = await read(path, { prefer: 'wait=30', 'if-none-match': 'W/"1.2.3.4"' })
    expect([old.status, old.headers.get('etag')]).toEqual([200, tag])
    const statuses = (await Promise.all(waits)).map(({ status }) => status)
    expect(statuses).toEqual([304, 304])
  })

  test('nobody waits for what has ended, is not known, or does not exist', async () => {
    const [path] = await begun()
    const old = { prefer: 'wait=30', 'if-none-match': await tagOf(path) }
    goOn()
    await until(async () => (await get<Batch>(stack.gatewayUrl, path)).status === 'COMPLETED')
    const known = { prefer: 'wait=30', 'if-none-match': await tagOf(path) }
    const statuses: number[] = []
    stack.sql.take()
    for (const headers of [{ prefer: 'wait=30' }, old, known]) {
      statuses.push((await read(path, headers)).status)
    }
    const nowhere = '/v1/batches/01990b6e-7a4c-7000-8a5e-3f1c2b4d5e6f'
    statuses.push((await read(nowhere, { prefer: 'wait=30' })).status)
    expect(statuses).toEqual([200, 200, 304, 404])
    expect(stack.sql.take()).toHaveLength(4)
  })

  test('a preference that cannot be read changes nothing', async () => {
    const [path] = await begun()
    const answer = await read(path, { prefer: 'wait=soon, handling=lenient' })
    expect([answer.status, answer.headers.get('preference-applied')]).toEqual([200, null])
  })

  test('who waits while the database goes away is told so', async () => {
    const [path] = await begun()
    const waits = read(path, { prefer: 'wait=30' })
    await until(() => stack.sql.take().length > 0)
    stack.sql.down = true
    const answer = await waits
    stack.sql.down = false
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '5'])
  })

  test('what is private is kept by nobody, and a file says so itself', async () => {
    const [path, taskPath] = await begun({ files: new Blob(['x']) })
    const batch = await get<Batch>(stack.gatewayUrl, path)
    const past = `/v1/conversations/${batch.conversation_id}/history`
    for (const one of [path, taskPath, past, '/v1/conversations', '/v1/models', '/v1/tasks/7']) {
      const { headers } = await read(one)
      expect([one, headers.get('cache-control')]).toEqual([one, 'private, no-cache'])
    }
    const { url } = batch.files[0]!
    expect((await read(url!)).headers.get('cache-control')).toMatch(/immutable/)
    // With the addresses of files, the tag changes when they do.
    const expires = new URL(url!, stack.gatewayUrl).searchParams.get('expires')
    expect(await tagOf(path)).toMatch(new RegExp(`\\.${expires}"$`))
  })

  test('a gateway that is told to end answers who waits, and ends', async () => {
    const [path] = await begun()
    const headers = { prefer: 'wait=30', 'if-none-match': await tagOf(path) }
    stack.sql.take()
    // As a page does that follows an answer: it comes again on the same connection.
    const agent = new Agent({ keepAlive: true })
    const statuses: (number | undefined)[] = []
    const ask = () => {
      const options = { agent, headers: { ...headers, ...as(LOCAL_KEY) } }
      const asked = httpGet(stack.gatewayUrl + path, options, (answer) => {
        statuses.push(answer.statusCode)
        answer.resume().on('end', () => setTimeout(ask, 100))
      })
      asked.on('error', () => {})
    }
    ask()
    await until(() => stack.sql.take().length > 0)
    // As a browser opens one ahead of need.
    const { port, hostname } = new URL(stack.gatewayUrl)
    const unused = connect(Number(port), hostname).on('error', () => {})
    await once(unused, 'connect')
    await stack.stopGateway()
    expect(statuses[0]).toBe(304)
  })
})
