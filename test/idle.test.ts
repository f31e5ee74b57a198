import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { WAKE_CHANNEL } from '../drizzle/contract/stream-message.ts'
import { ask, batchUntil, submit, until } from './setup/client.ts'
import { type ModelServer, startModelServer } from './setup/model-server.ts'
import { type OwnRedis, startOwnRedis } from './setup/own-services.ts'
import type { Program } from './setup/spawn-program.ts'
import { type Stack, startStack } from './stack.ts'

const LEASE_MS = 1000
let stack: Stack
let models: ModelServer
let redis: Redis
let ownRedis: OwnRedis
const workers = new Map<string, Program>()

beforeAll(async () => {
  models = await startModelServer()
  // Wakes reach every worker on a Redis, those of other tests too.
  ownRedis = await startOwnRedis()
  const services = { templateUrl: inject('templateUrl'), redisUrl: ownRedis.url }
  stack = await startStack({ models, workers: 0, services })
  redis = new Redis(stack.redisUrl, { protocol: 2 })
  for (const WORKER_ID of ['one', 'two']) {
    const settings = { WORKER_ID, LEASE_MS: String(LEASE_MS) }
    workers.set(WORKER_ID, await stack.startWorker(settings))
  }
})
afterAll(async () => {
  redis.disconnect()
  await stack?.stop()
  await models?.close()
  await ownRedis?.end()
})

/** When a worker last asked Postgres anything, and by which connection. */
async function lastStatement() {
  const [row] = await stack.database.query<{ at: Date | null }>(
    `SELECT max(query_start) AS at FROM pg_stat_activity
     WHERE datname = current_database() AND application_name = 'async-chat-worker'`,
  )
  // Connections that are no longer needed are closed.
  return row!.at?.getTime() ?? 0
}

/** For how many seconds each connection of the workers has said nothing to Redis. */
async function silentFor(): Promise<number[]> {
  const db = new URL(stack.redisUrl).pathname.slice(1)
  const clients = String(await redis.client('LIST')).split('\n')
  return clients
    .filter((line) => line.includes(` db=${db} `) && !line.includes(' name= '))
    .map((line) => Number(/ idle=(\d+)/.exec(line)?.[1]))
}

async function untilIdle(): Promise<void> {
  await until(async () => {
    const before = await lastStatement()
    await sleep(LEASE_MS * 2)
    return (await lastStatement()) <= before
  })
}

test('workers that have nothing to do ask Postgres nothing, and Redis only to wait', async () => {
  expect((await ask(stack.gatewayUrl, { prompt: 'a', model: 'qwen3' })).status).toBe('COMPLETED')
  await untilIdle()
  const before = await lastStatement()
  await sleep(LEASE_MS * 5)
  expect(await lastStatement()).toBeLessThanOrEqual(before)
  const silences = await silentFor()
  // Two workers: three readers each, one for commands, one for wakes.
  expect(silences).toHaveLength(2 * 5)
  expect(Math.min(...silences)).toBeGreaterThanOrEqual(4)
})

test('the others are woken again and again while a call runs, as a wake may have been lost', async () => {
  await untilIdle()
  const answer = Promise.withResolvers<void>()
  models.answer(() => [{ text: 'Begun' }, { until: answer.promise }])
  const listener = redis.duplicate()
  let wakes = 0
  listener.on('message', () => wakes++)
  await listener.subscribe(WAKE_CHANNEL)
  const { batch_id } = await submit(stack.gatewayUrl, { prompt: 'a', model: 'qwen3' })
  // By no poll: one of a task that waits for long wakes them too.
  await until(() => wakes >= 3)
  answer.resolve()
  await batchUntil(stack.gatewayUrl, batch_id)
  await untilIdle()
  const before = wakes
  await sleep(LEASE_MS * 3)
  expect(wakes).toBe(before)
  listener.disconnect()
})

test('an idle worker whose reader has to reconnect looks for what was lost with the connection', async () => {
  await untilIdle()
  const before = await lastStatement()
  const clients = String(await redis.client('LIST')).split('\n')
  const readers = clients.filter((line) => line.includes(' name=read-qwen '))
  expect(readers).toHaveLength(workers.size)
  for (const line of readers) await redis.client('KILL', 'ID', /^id=(\d+)/.exec(line)![1]!)
  await until(async () => (await lastStatement()) > before)
})

test('an idle worker is woken by the claim of another, and takes over when that one dies', async () => {
  await untilIdle()
  const { promise: never } = Promise.withResolvers<void>()
  models.answer(() => [{ text: 'Begun' }, { until: never }])
  const { batch_id, task_ids } = await submit(stack.gatewayUrl, { prompt: 'a', model: 'qwen3' })
  await batchUntil(stack.gatewayUrl, batch_id, ({ results }) => results[0]!.status === 3)
  const [held] = await stack.database.query<{ worker_id: string }>(
    'SELECT worker_id FROM tasks WHERE id = $1',
    task_ids,
  )
  models.answer(() => [{ text: 'Whole' }])
  await workers.get(held!.worker_id)!.stop('SIGKILL')
  const { results } = await batchUntil(stack.gatewayUrl, batch_id)
  expect(results[0]).toMatchObject({ status: 1, response_text: 'Whole' })
})
