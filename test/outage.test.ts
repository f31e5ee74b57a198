import { setTimeout as pause } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { ask, batchUntil, submit, until } from './setup/client.ts'
import { type ModelServer, startModelServer } from './setup/model-server.ts'
import { spawnProgram } from './setup/spawn-program.ts'
import { startTcpProxy, type TcpProxy } from './setup/tcp-proxy.ts'
import { type Stack, startStack } from './stack.ts'

const LEASE_MS = 2000
let models: ModelServer
let stack: Stack
let postgres: TcpProxy
let redis: TcpProxy
/** The test's own way to Redis. */
let direct: Redis
let settings: Record<string, string>

beforeAll(async () => {
  models = await startModelServer()
  stack = await startStack({ models, workers: 0 })
  direct = new Redis(stack.redisUrl, { protocol: 2 })
})
beforeEach(async () => {
  models.requests.length = 0
  models.answer(() => [{ text: 'quick' }])
  postgres = await startTcpProxy(stack.database.url)
  redis = await startTcpProxy(stack.redisUrl)
  settings = { DATABASE_URL: postgres.url, REDIS_URL: redis.url, LEASE_MS: String(LEASE_MS) }
})
afterEach(async () => {
  await Promise.all([postgres.close(), redis.close()])
})
afterAll(async () => {
  direct?.disconnect()
  await stack?.stop()
  await models?.close()
})

/** Answers that do not end before the gate is opened. */
function holdAnswers(): () => void {
  const { promise, resolve } = Promise.withResolvers<void>()
  models.answer(() => [{ text: 'slow ' }, { until: promise }, { text: 'answer' }])
  return resolve
}

/** The dead letters of messages that say this noise. */
function lettersOf(noise: string) {
  const payload = JSON.stringify(['noise', noise])
  return stack.database.query('SELECT original_id FROM dead_letters WHERE payload = $1', [payload])
}

test('a worker that starts while Redis is away waits for it, and then works', async () => {
  redis.cut()
  const starting = stack.startWorker(settings)
  const { batch_id } = await submit(stack.gatewayUrl, { prompt: 'a', model: 'qwen3' })
  await pause(1000)
  redis.open()
  const worker = await starting
  expect((await batchUntil(stack.gatewayUrl, batch_id)).status).toBe('COMPLETED')
  expect(await worker.stop()).toBe(0)
})

test('a refused password of Redis stands in no output, and SIGTERM ends the worker', async () => {
  const url = new URL(stack.redisUrl)
  url.password = 'hunter2'
  const worker = spawnProgram('node', ['workers-node/main.ts'], {
    ...settings,
    REDIS_URL: url.href,
    WORKER_STREAMS: 'qwen',
    LLM_SERVICE_URL: models.url,
  })
  await worker.printed(/redis is away/)
  expect(await worker.stop()).toBe(0)
  expect(worker.output()).not.toContain('hunter2')
})

test('calls live through the loss of Postgres: nothing is reaped, no death is counted', async () => {
  const workers = [await stack.startWorker(settings), await stack.startWorker(settings)]
  // A sweeper that lost contact must not reap before the living have renewed their leases.
  await pause(LEASE_MS * 1.5)
  const open = holdAnswers()
  const batches = await Promise.all(
    Array.from({ length: 6 }, () => submit(stack.gatewayUrl, { prompt: 'a', model: 'qwen3' })),
  )
  await until(() => models.requests.length === 6)
  postgres.cut()
  await pause(LEASE_MS * 1.5)
  postgres.open()
  await pause(LEASE_MS * 2)
  open()
  for (const { batch_id, task_ids } of batches) {
    const { results } = await batchUntil(stack.gatewayUrl, batch_id)
    expect(results[0]).toMatchObject({ status: 1, response_text: 'slow answer' })
    const [row] = await stack.database.query(
      'SELECT deaths, attempt FROM tasks WHERE id = $1',
      task_ids,
    )
    expect(row).toEqual({ deaths: 0, attempt: 1 })
  }
  expect(models.requests).toHaveLength(6)
  for (const worker of workers) expect(await worker.stop()).toBe(0)
})

test('a finish that Postgres cannot take is kept, and stored when it is back', async () => {
  const worker = await stack.startWorker(settings)
  const open = holdAnswers()
  const { batch_id } = await submit(stack.gatewayUrl, { prompt: 'a', model: 'qwen3' })
  await until(() => models.requests.length === 1)
  postgres.cut()
  open()
  await worker.printed(/result not stored yet/)
  postgres.open()
  const { results } = await batchUntil(stack.gatewayUrl, batch_id)
  expect(results[0]).toMatchObject({ status: 1, response_text: 'slow answer' })
  expect(models.requests).toHaveLength(1)
  expect(await worker.stop()).toBe(0)
})

test('a drain stores an answer that Postgres could not take within the grace time', async () => {
  const worker = await stack.startWorker({ ...settings, DRAIN_MS: '0', LEASE_MS: '30000' })
  const open = holdAnswers()
  const { batch_id, task_ids } = await submit(stack.gatewayUrl, { prompt: 'a', model: 'qwen3' })
  await until(() => models.requests.length === 1)
  postgres.cut()
  open()
  await worker.printed(/result not stored yet/)
  const exited = worker.stop()
  await worker.printed(/worker draining/)
  await pause(500)
  postgres.open()
  expect(await exited).toBe(0)
  const { results } = await batchUntil(stack.gatewayUrl, batch_id)
  expect(results[0]).toMatchObject({ status: 1, response_text: 'slow answer' })
  const [row] = await stack.database.query('SELECT attempt FROM tasks WHERE id = $1', task_ids)
  expect(row).toEqual({ attempt: 1 })
})

test('a bad message that could not be stored is dealt with later, though its reader is idle', async () => {
  const worker = await stack.startWorker(settings)
  // It has found by then that no task is open.
  await pause(LEASE_MS * 2)
  postgres.cut()
  const entry = await direct.xadd('qwen_stream', '*', 'noise', 'x')
  await worker.printed(/messages not acknowledged/)
  postgres.open()
  await until(async () => (await lettersOf('x')).length === 1)
  await until(async () => (await direct.xlen('qwen_stream')) === 0)
  // It was put back under another id by then.
  expect(await lettersOf('x')).toEqual([{ original_id: entry }])
  expect(await direct.xrange('qwen_stream', entry!, entry!)).toEqual([])
  expect(await worker.stop()).toBe(0)
})

test('a bad message is one dead letter, though its reader died before it was acknowledged', async () => {
  const doomed = await stack.startWorker(settings)
  const stored = postgres.holdAfter('save-dead-messages')
  const entry = await direct.xadd('qwen_stream', '*', 'noise', 'y')
  await stored.reached
  await doomed.stop('SIGKILL')
  expect(await lettersOf('y')).toEqual([{ original_id: entry }])
  const worker = await stack.startWorker({ ...settings, DATABASE_URL: stack.database.url })
  await worker.printed(/message is a dead letter/)
  await until(async () => (await direct.xlen('qwen_stream')) === 0)
  expect(await lettersOf('y')).toEqual([{ original_id: entry }])
  expect(await worker.stop()).toBe(0)
})

test('a drain rings what it hands back, though Redis is away for a moment', async () => {
  const worker = await stack.startWorker({ ...settings, DRAIN_MS: '200' })
  holdAnswers()
  const { task_ids } = await submit(stack.gatewayUrl, { prompt: 'a', model: 'qwen3' })
  await until(() => models.requests.length === 1)
  await until(async () => (await direct.xlen('qwen_stream')) === 0)
  redis.cut()
  const exited = worker.stop()
  await worker.printed(/tasks handed back, but not rung/)
  redis.open()
  expect(await exited).toBe(0)
  const [[, fields] = []] = await direct.xrange('qwen_stream', '-', '+')
  expect(fields).toEqual(expect.arrayContaining([task_ids[0]]))
})

test('a worker goes on when Redis comes back after it was cut off', async () => {
  const worker = await stack.startWorker(settings)
  redis.cut()
  await worker.printed(/stream not read/)
  redis.open()
  expect((await ask(stack.gatewayUrl, { prompt: 'a', model: 'qwen3' })).status).toBe('COMPLETED')
  expect(await worker.stop()).toBe(0)
})

test('a drain ends in time while Redis is silent, and hands back what runs', async () => {
  const worker = await stack.startWorker({ ...settings, DRAIN_MS: '500' })
  holdAnswers()
  const { task_ids } = await submit(stack.gatewayUrl, { prompt: 'a', model: 'qwen3' })
  await until(() => models.requests.length === 1)
  redis.hush()
  expect(await worker.stop()).toBe(0)
  const [row] = await stack.database.query(
    'SELECT status, deaths FROM tasks WHERE id = $1',
    task_ids,
  )
  expect(row).toEqual({ status: 0, deaths: 0 })
})

test('a drain hands back what runs though Postgres is away for a moment', async () => {
  const worker = await stack.startWorker({ ...settings, DRAIN_MS: '200' })
  holdAnswers()
  const { task_ids } = await submit(stack.gatewayUrl, { prompt: 'a', model: 'qwen3' })
  await until(() => models.requests.length === 1)
  postgres.cut()
  const exited = worker.stop()
  await worker.printed(/tasks not handed back/)
  postgres.open()
  expect(await exited).toBe(0)
  const [row] = await stack.database.query(
    'SELECT status, deaths FROM tasks WHERE id = $1',
    task_ids,
  )
  expect(row).toEqual({ status: 0, deaths: 0 })
})

test('a drain ends in time while Postgres is silent', async () => {
  const worker = await stack.startWorker({ ...settings, DRAIN_MS: '500' })
  holdAnswers()
  await submit(stack.gatewayUrl, { prompt: 'a', model: 'qwen3' })
  await until(() => models.requests.length >= 1)
  postgres.hush()
  expect(await worker.stop()).toBe(0)
})
