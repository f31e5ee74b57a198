import { setTimeout as pause } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { LOST_AFTER_S } from '../drizzle/statements/ring-tasks-if-lost.ts'
import type { PostgresDoor } from '../drizzle/statements/statement.ts'
import { NativeRedis } from '../workers-node/redis.ts'
import { forget, sweep } from '../workers-node/sweep.ts'
import { takeRedisDatabase } from './setup/redis-database.ts'
import { submitted } from './setup/task-states.ts'
import { useDatabase } from './setup/use-database.ts'

/** One more than a step of the sweep. */
const WAITING = 501
const database = useDatabase()
let redis: Redis
let door: NativeRedis

beforeAll(async () => {
  const url = await takeRedisDatabase()
  redis = new Redis(url, { protocol: 2 })
  door = await NativeRedis.open(url)
})
beforeEach(async () => {
  await redis.flushdb()
  await database.query('DELETE FROM conversations')
})
afterAll(() => {
  door.close()
  redis.disconnect()
})

test('a refill that takes longer than a ring may be silent rings each task once, and ends', async () => {
  await submitted(database, Array(WAITING).fill('qwen3'))
  await database.query("UPDATE tasks SET rung_at = now() - interval '1 h'")
  let steps = 0
  const slow: PostgresDoor = {
    async run(statement) {
      if (statement.name === 'ring-tasks-if-lost' && steps++ === 1) {
        await pause(LOST_AFTER_S * 1000 + 200)
      }
      return database.run(statement)
    },
  }
  const options = { leaseMs: 10_000, expiredBy: undefined, consumer: 'sweeper' }
  const next = await sweep({ postgres: slow, redis: door }, options)
  expect(await redis.xlen('qwen_stream')).toBe(WAITING)
  expect(steps).toBe(2)
  expect(next).toMatchObject({ lease_ms: null, due_ms: null })
})

test('there is nothing to forget in a Redis that has lost its streams, or their groups', async () => {
  await forget({ postgres: database, redis: door })
  await redis.xadd('qwen_stream', '*', 'task_id', 'lost')
  await forget({ postgres: database, redis: door })
  expect(await redis.exists('qwen_stream', 'gemini_stream')).toBe(1)
})
