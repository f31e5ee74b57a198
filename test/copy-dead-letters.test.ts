import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { copyDeadLetters } from '../workers-node/copy-dead-letters.ts'
import { NativeRedis } from '../workers-node/redis.ts'
import { deadMessage, failed, letterRow } from './setup/dead-letters.ts'
import { takeRedisDatabase } from './setup/redis-database.ts'
import { startTcpProxy, type TcpProxy } from './setup/tcp-proxy.ts'
import { useDatabase } from './setup/use-database.ts'

const STREAM = 'sys_dead_letters'
const database = useDatabase()
let redisUrl: string
let redis: Redis
let proxy: TcpProxy
let door: NativeRedis

beforeAll(async () => {
  redisUrl = await takeRedisDatabase()
  redis = new Redis(redisUrl, { protocol: 2 })
})
beforeEach(async () => {
  await redis.flushdb()
  await database.query('DELETE FROM dead_letters')
  proxy = await startTcpProxy(redisUrl)
  door = await NativeRedis.open(proxy.url)
})
afterEach(async () => {
  door.close()
  await proxy.close()
})
afterAll(() => redis.disconnect())

const copy = () => copyDeadLetters({ postgres: database, redis: door })

/** What stands in the stream, oldest first. */
async function copies(): Promise<Record<string, string>[]> {
  const entries = await redis.xrange(STREAM, '-', '+')
  return entries.map(([, flat]) => {
    const object: Record<string, string> = {}
    for (let i = 0; i < flat.length; i += 2) object[flat[i]!] = flat[i + 1]!
    return object
  })
}

test('dead letters of both kinds are copied once, with origin, payload, reason and time', async () => {
  const message = await deadMessage(database, { entryId: '8-8', payload: '["a","ü"]' })
  const batch = await failed(database)
  expect(await copy()).toBe(2)
  expect(await copy()).toBe(0)
  expect(await copies()).toEqual([
    {
      id: message,
      kind: 'message',
      source: 'qwen_stream',
      original_id: '8-8',
      payload: '["a","ü"]',
      error_code: 'unreadable_message',
      error_msg: 'The stream entry is not a task message.',
      created_at: expect.stringMatching(/Z$/),
    },
    expect.objectContaining({
      id: batch.failed[0].letterId,
      kind: 'task',
      source: 'qwen',
      original_id: batch.failed[0].taskId,
      error_code: 'model_timeout',
    }),
  ])
})

test('more than one step of them are all copied', async () => {
  await database.query(
    `INSERT INTO dead_letters (id, kind, source, original_id, payload, error_code, error_msg)
     SELECT gen_random_uuid(), 'message', 'qwen_stream', n || '-0', '[]', 'code', 'A sentence.'
     FROM generate_series(1, 450) n`,
  )
  expect(await copy()).toBe(450)
  expect(await redis.xlen(STREAM)).toBe(450)
})

test('a stream that Redis has lost is filled again', async () => {
  const ids = [await deadMessage(database), await deadMessage(database)]
  await copy()
  await redis.flushdb()
  const later = await deadMessage(database)
  expect(await copy()).toBe(3)
  expect((await copies()).map(({ id }) => id)).toEqual([...ids, later])
})

test('where the stream does not take them they are copied the next time', async () => {
  const id = await deadMessage(database)
  const cutting = {
    run: async <Row>(statement: Parameters<typeof database.run<Row>>[0]) => {
      const rows = await database.run(statement)
      if (statement.name.startsWith('take')) proxy.cut()
      return rows
    },
  }
  await expect(copyDeadLetters({ postgres: cutting, redis: door })).rejects.toThrow()
  expect(await letterRow(database, id)).toMatchObject({ copied_at: null })
  expect(await redis.xlen(STREAM)).toBe(0)
  proxy.open()
  door.close()
  door = await NativeRedis.open(proxy.url)
  expect(await copy()).toBe(1)
  expect(await copies()).toMatchObject([{ id }])
})
