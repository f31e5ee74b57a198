import { Redis } from 'ioredis'
import { afterAll, beforeEach, expect, test } from 'vitest'
import { familyNamed } from '../drizzle/contract/models.ts'
import { NativeRedis } from '../workers-node/redis.ts'
import { takeRedisDatabase } from './setup/redis-database.ts'

const QWEN = familyNamed('qwen')
const url = await takeRedisDatabase()
const redis = new Redis(url, { protocol: 2 })
const native = await NativeRedis.open(url)

beforeEach(async () => void (await redis.flushdb()))

afterAll(() => {
  native.close()
  redis.disconnect()
})

/** Puts an entry into the stream that was written so many seconds ago. */
async function waits(secondsAgo: number) {
  const [now] = (await redis.time()) as [number]
  await redis.xadd(QWEN.stream, `${(now - secondsAgo) * 1000}-*`, 'task_id', 'a')
}

const deliver = (count: number) =>
  redis.xreadgroup('GROUP', QWEN.group, 'a', 'COUNT', count, 'STREAMS', QWEN.stream, '>')

/** The age of the oldest waiting entry, in whole seconds. */
async function ageS() {
  const [reading] = await native.readGroups([QWEN])
  expect(reading!.family).toBe('qwen')
  return Math.floor(reading!.ageMs / 1000 + 0.001)
}

test('a stream that is not there is made, with its group, and nothing waits', async () => {
  expect(await ageS()).toBe(0)
  expect(await redis.xinfo('GROUPS', QWEN.stream)).toHaveLength(1)
})

test('where the group was lost, what waits in the stream is read from its beginning', async () => {
  await waits(100)
  await waits(50)
  expect(await ageS()).toBeGreaterThanOrEqual(100)
  expect(await deliver(10)).toHaveProperty('0.1.length', 2)
})

test('the oldest entry counts that nobody has read', async () => {
  expect(await ageS()).toBe(0)
  await waits(100)
  await waits(50)
  await deliver(1)
  const age = await ageS()
  expect(age).toBeGreaterThanOrEqual(50)
  expect(age).toBeLessThan(100)
})

test('what was read and not acknowledged does not wait', async () => {
  expect(await ageS()).toBe(0)
  await waits(100)
  await deliver(1)
  expect(await ageS()).toBe(0)
})

test('what was read and not acknowledged is counted as pending', async () => {
  const pending = async () => (await native.readGroups([QWEN]))[0]!.pending
  expect(await pending()).toBe(0)
  await waits(100)
  await waits(50)
  expect(await pending()).toBe(0)
  await deliver(1)
  expect(await pending()).toBe(1)
})
