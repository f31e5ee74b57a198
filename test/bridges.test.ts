import { neon, neonConfig } from '@neondatabase/serverless'
import { Redis as Upstash } from '@upstash/redis'
import { Redis } from 'ioredis'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startNeonBridge } from '../dev/neon-bridge.ts'
import { startUpstashBridge } from '../dev/upstash-bridge.ts'
import { claimTasksIfPending } from '../drizzle/statements/claim-tasks-if-pending.ts'
import { findBatch } from '../drizzle/statements/find-batch.ts'
import { findHistory } from '../drizzle/statements/find-history.ts'
import { findTask } from '../drizzle/statements/find-task.ts'
import { listConversations } from '../drizzle/statements/list-conversations.ts'
import { submitBatch } from '../drizzle/statements/submit-batch.ts'
import { openNeon } from '../edge/neon.ts'
import { openPostgres } from '../workers-node/postgres.ts'
import { createDatabase, type TestDatabase } from './setup/database.ts'
import { newBatch } from './setup/new-batch.ts'
import { takeRedisDatabase } from './setup/redis-database.ts'
import { claimOf, HOLDER } from './setup/task-states.ts'

describe('Postgres over HTTP', () => {
  let database: TestDatabase
  let bridge: Awaited<ReturnType<typeof startNeonBridge>>
  let native: pg.Pool
  let http: ReturnType<typeof neon<false, false>>

  beforeAll(async () => {
    database = await createDatabase()
    bridge = await startNeonBridge({ databaseUrl: database.url })
    neonConfig.fetchEndpoint = bridge.url
    http = neon(database.url)
    native = new pg.Pool({ connectionString: database.url, max: 2 })
  })
  afterAll(async () => {
    await native.end()
    await bridge.close()
    await database.drop()
  })

  test.each<[text: string, params?: unknown[]]>([
    ['SELECT 1::int2 a, 2::int4 b, 3::int8 c, 9007199254740993::int8 d'],
    ["SELECT 1.5::float4 a, 1e300::float8 b, 'NaN'::float8 c, 12345678901234567890.123::numeric d"],
    ["SELECT true a, false b, NULL c, '' d, 'ünïcödé 语 🎉' e"],
    ["SELECT 'a\nb\t\"\\' a, E'\\u2028' b"],
    ["SELECT '\\x00ff10'::bytea a, gen_random_uuid() IS NOT NULL b"],
    [
      "SELECT '2026-01-31 12:34:56.789012+02'::timestamptz a, '2026-01-31'::date b, '2026-01-31 1:2'::timestamp c",
    ],
    ["SELECT 'infinity'::timestamptz a, '1 day 2 hours'::interval b, '12:34'::time c"],
    ['SELECT \'{"a":[1,null,"x"]}\'::json a, \'{"b":{"c":1.0}}\'::jsonb b'],
    ["SELECT ARRAY[1,2,NULL] a, ARRAY['x','y,\"z'] b, '{}'::int[] c, ARRAY[[1,2],[3,4]] d"],
    ['SELECT $1::int a, $2::text b, $3::text c, $4::boolean d', [7, 'x', null, true]],
    [
      'SELECT $1::uuid[] a, $2::text[] b',
      [['01990b6e-7a4c-7000-8a5e-3f1c2b4d5e6f'], ['a"b', 'c,d', 'é', '']],
    ],
    ['SELECT $1::jsonb a, $2::timestamptz b', [{ a: [1, 2] }, new Date(0)]],
    ['SELECT FROM generate_series(1, 3)'],
    ['SELECT * FROM generate_series(1, 3) n WHERE n > 5'],
    ['SELECT 1 a, 2 a'],
  ])('%s gives the same rows natively and over HTTP', async (text, params = []) => {
    const { rows } = await native.query(text, params)
    expect(await http.query(text, params)).toEqual(rows)
  })

  test.each<[text: string, params?: unknown[]]>([
    ['SELECT 1 / $1::int', [0]],
    ['SELEKT'],
    ['SELECT * FROM nothing_here'],
    ["INSERT INTO conversations (id, owner, title, turns) VALUES (NULL, 'a', 'b', 1)"],
    ['SELECT $1::int', ['x']],
    [
      `INSERT INTO batch_files (batch_id, file_id, position)
      VALUES (gen_random_uuid(), gen_random_uuid(), 0)`,
    ],
  ])('%s fails the same natively and over HTTP', async (text, params = []) => {
    const fields = ({
      message,
      code,
      detail,
      hint,
      constraint,
      table,
      column,
      severity,
    }: pg.DatabaseError) =>
      // Values of the random ids stand in the detail.
      ({ message, code, hint, constraint, table, column, severity, detail: typeof detail })
    const refused = await native.query(text, params).catch(fields)
    expect(refused).toHaveProperty('code')
    expect(await http.query(text, params).catch(fields)).toEqual(refused)
  })

  test('every statement of the product gives the same rows through both doors', async () => {
    const edge = openNeon(database.url, { fetchEndpoint: bridge.url, timeoutMs: 5000 })
    const worker = openPostgres(database.url, { connections: 1, timeoutMs: 5000 })
    const one = newBatch(['gemini-2.5-flash', 'qwen3:1.7b'], { temperature: 0.5, maxTokens: 9 })
    const two = newBatch(['qwen3:1.7b'], { conversationId: one.conversationId })
    const bare = (rows: { task_id: string }[]) => rows.map(({ task_id }) => task_id)
    expect(bare(await edge.run(submitBatch(one)))).toEqual(one.tasks.map(({ id }) => id))
    expect(bare(await worker.run(submitBatch(two)))).toEqual(two.tasks.map(({ id }) => id))
    await worker.run(
      claimTasksIfPending([claimOf({ id: one.tasks[0]!.id, family: 'gemini' })], HOLDER),
    )
    for (const statement of [
      findBatch('local', one.batchId),
      findTask('local', one.tasks[0]!.id),
      findTask('local', one.batchId),
      findHistory('local', one.conversationId, { afterTurn: 0, limit: 10 }),
      findHistory('local', one.conversationId, { afterTurn: 9, limit: 10 }),
      listConversations('local', { after: null, limit: 10, search: 'prompt' }),
      submitBatch(one),
    ]) {
      const rows = await worker.run<unknown>(statement)
      expect(await edge.run<unknown>(statement)).toEqual(rows)
    }
    await worker.close()
  })

  test('a transaction commits all or nothing', async () => {
    await http.query('CREATE TABLE counted (n int PRIMARY KEY)')
    await http.transaction([
      http`INSERT INTO counted VALUES (1)`,
      http`INSERT INTO counted VALUES (2)`,
    ])
    const failing = http.transaction([
      http`INSERT INTO counted VALUES (3)`,
      http`INSERT INTO counted VALUES (1)`,
    ])
    await expect(failing).rejects.toMatchObject({ code: '23505' })
    expect(await http`SELECT n FROM counted ORDER BY n`).toEqual([{ n: 1 }, { n: 2 }])
    const levels = await http.transaction(
      [http`SHOW transaction_isolation`, http`SHOW transaction_read_only`],
      {
        isolationLevel: 'Serializable',
        readOnly: true,
      },
    )
    expect(levels).toEqual([
      [{ transaction_isolation: 'serializable' }],
      [{ transaction_read_only: 'on' }],
    ])
  })

  test('a connection that the server ends in a transaction fails that one, and no other', async () => {
    const cutOff = http.transaction([http`SELECT pg_terminate_backend(pg_backend_pid())`])
    await expect(cutOff).rejects.toThrow()
    expect(await http`SELECT 1 AS one`).toEqual([{ one: 1 }])
  })

  test.each([
    'password',
    'username',
    'pathname',
  ] as const)('another %s is refused', async (part) => {
    const url = new URL(database.url)
    url[part] = part === 'pathname' ? '/postgres' : 'wrong'
    await expect(neon(url.href)`SELECT 1`).rejects.toThrow()
  })

  test('a caller without a connection string is refused', async () => {
    const response = await fetch(bridge.url, {
      method: 'POST',
      body: '{"query":"SELECT 1","params":[]}',
    })
    expect(response.ok).toBe(false)
    expect(await response.text()).not.toContain('rows')
  })
})

describe('Redis over REST', () => {
  const token = 'right-token'
  let bridge: Awaited<ReturnType<typeof startUpstashBridge>>
  let native: Redis
  let rest: Upstash

  beforeAll(async () => {
    const redisUrl = await takeRedisDatabase()
    bridge = await startUpstashBridge({ redisUrl, token })
    native = new Redis(redisUrl, { protocol: 2 })
    rest = new Upstash({ url: bridge.url, token, automaticDeserialization: false })
  })
  afterAll(async () => {
    native.disconnect()
    await bridge.close()
  })

  test('the same commands give the same answers natively and over REST', async () => {
    const commands: [string, ...string[]][] = [
      ['SET', 'text', 'ünïcödé 语 🎉\n"'],
      ['GET', 'text'],
      ['SET', 'ok', 'OK'],
      ['GET', 'ok'],
      ['GET', 'nothing'],
      ['INCR', 'count'],
      ['RPUSH', 'list', 'a', '1', ''],
      ['LRANGE', 'list', '0', '-1'],
      ['XADD', 'stream', '1-1', 'task_id', 'x', 'fence', '0'],
      ['XADD', 'stream', '1-2', 'k', '{"v":1}'],
      ['XRANGE', 'stream', '-', '+'],
      ['XGROUP', 'CREATE', 'stream', 'group', '0'],
      ['XPENDING', 'stream', 'group'],
      ['XINFO', 'GROUPS', 'stream'],
      ['ZADD', 'set', '1.5', 'm'],
      ['ZRANGE', 'set', '0', '-1', 'WITHSCORES'],
      ['HSET', 'hash', 'a', '1'],
      ['HGETALL', 'hash'],
      ['DEL', 'text', 'nothing'],
    ]
    const natively: unknown[] = []
    for (const [name, ...args] of commands) natively.push(await native.call(name, ...args))
    await native.flushdb()
    // The client's own commands reshape their answers; raw ones show what came over the wire.
    const response = await fetch(`${bridge.url}/pipeline`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
      body: JSON.stringify(commands),
    })
    const answers = (await response.json()) as { result: unknown }[]
    const flat = (value: unknown): unknown =>
      value instanceof Map || (typeof value === 'object' && value !== null && !Array.isArray(value))
        ? Object.entries(value).flat()
        : value
    expect(answers.map(({ result }) => flat(result))).toEqual(natively.map(flat))
  })

  test('texts survive the encoding of the client', async () => {
    for (const text of ['OK', 'ünïcödé 语 🎉', '', '1', 'null', 'T0s=']) {
      await rest.set('key', text)
      expect(await rest.get('key')).toBe(text)
    }
  })

  test('a failed command of a pipeline fails alone', async () => {
    const pipeline = rest.pipeline().set('a', 'text').lpush('a', 'x').get('a')
    const answers = await pipeline.exec({ keepErrors: true })
    expect(answers.map(({ error }) => error !== undefined && error !== null)).toEqual([
      false,
      true,
      false,
    ])
    expect(answers[2]!.result).toBe('text')
  })

  test('multi-exec is done whole', async () => {
    expect(await rest.multi().set('m', '1').incr('m').get('m').exec()).toEqual(['OK', 2, '2'])
  })

  test('a wrong token is refused, and nothing is done', async () => {
    const stranger = new Upstash({ url: bridge.url, token: 'wrong', retry: false })
    await expect(stranger.set('stranger', '1')).rejects.toThrow()
    const bare = await fetch(bridge.url, { method: 'POST', body: '["SET","stranger","1"]' })
    expect(bare.status).toBe(401)
    expect(await native.get('stranger')).toBeNull()
  })
})
