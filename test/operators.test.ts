import { Redis } from 'ioredis'
import { v7 as uuidv7 } from 'uuid'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type {
  DeadLettersAnswer,
  Nodes,
  Purged,
  Replayed,
  ReplayedAll,
  Streams,
} from '../drizzle/contract/operators-api.ts'
import { type NativePostgres, openPostgres } from '../workers-node/postgres.ts'
import { errorOf, get, submit, until } from './setup/client.ts'
import { deadMessage, failed, letterRow } from './setup/dead-letters.ts'
import { node } from './setup/node-states.ts'
import { OPERATOR_KEY, sendKeyTo } from './setup/send-key.ts'
import { RUNTIMES } from './setup/start-gateway.ts'
import { processing, taskRow } from './setup/task-states.ts'
import type { UsedDatabase } from './setup/use-database.ts'
import { type Stack, startStack } from './stack.ts'

const NOWHERE = '01990b6e-7a4c-7000-8a5e-3f1c2b4d5e6f'
const MESSAGE = '["noise","x","noise","y"]'

describe.each(RUNTIMES)('on %s', (runtime) => {
  let stack: Stack
  let redis: Redis
  let postgres: NativePostgres
  let database: UsedDatabase

  beforeAll(async () => {
    stack = await startStack({ runtime, workers: 0 })
    sendKeyTo(stack.gatewayUrl, OPERATOR_KEY)
    redis = new Redis(stack.redisUrl, { protocol: 2 })
    postgres = openPostgres(stack.database.url, { connections: 2, timeoutMs: 10_000 })
    const { url, query } = stack.database
    database = { url, query, run: (statement) => postgres.run(statement) }
  })
  beforeEach(async () => {
    Object.assign(stack.rest, { down: false })
    Object.assign(stack.sql, { down: false, loseAnswers: 0 })
    await redis.flushdb()
    await database.query('DELETE FROM dead_letters')
    await database.query('DELETE FROM conversations')
    await database.query('DELETE FROM sys_logs')
  })
  afterAll(async () => {
    redis?.disconnect()
    await postgres?.close()
    await stack?.stop()
  })

  const send = (method: string, path: string) => fetch(stack.gatewayUrl + path, { method })
  async function answered<Answer>(method: string, path: string): Promise<Answer> {
    const response = await send(method, path)
    expect(response.status, await response.clone().text()).toBe(200)
    return (await response.json()) as Answer
  }
  const fieldsIn = async (stream: string) =>
    (await redis.xrange(stream, '-', '+')).map(([, fields]) => fields)

  test('dead letters are listed page by page, newest first, and one kind alone', async () => {
    const messages = [await deadMessage(database), await deadMessage(database)]
    const { failed: tasks } = await failed(database)
    const ids = [tasks[0].letterId, ...messages.toReversed()]
    const page = (query: string) =>
      get<DeadLettersAnswer>(stack.gatewayUrl, `/v1/dead-letters${query}`)
    const first = await page('?limit=2')
    expect(first.dead_letters.map(({ id }) => id)).toEqual(ids.slice(0, 2))
    const second = await page(`?limit=2&cursor=${first.next_cursor}`)
    expect(second.dead_letters.map(({ id }) => id)).toEqual(ids.slice(2))
    expect(second.next_cursor).toBeNull()
    const ofTasks = await page('?kind=task')
    expect(ofTasks.dead_letters).toMatchObject([{ id: ids[0], kind: 'task', source: 'qwen' }])
    for (const [query, param] of [
      ['limit=0', 'limit'],
      ['kind=letter', 'kind'],
      ['cursor=x', 'cursor'],
    ]) {
      const refused = await send('GET', `/v1/dead-letters?${query}`)
      expect(await errorOf(refused)).toMatchObject({ code: 'invalid_request', param })
    }
  })

  test('one is shown in full, with what its task is now', async () => {
    const { letterId, taskId } = (await failed(database)).failed[0]
    const letter = await get(stack.gatewayUrl, `/v1/dead-letters/${letterId.toUpperCase()}`)
    expect(letter).toMatchObject({ id: letterId, original_id: taskId, task_status: 2 })
    expect(letter).toHaveProperty('payload')
    for (const id of [NOWHERE, 'x']) {
      const missing = await send('GET', `/v1/dead-letters/${id}`)
      expect(await errorOf(missing)).toMatchObject({ code: 'not_found' })
    }
  })

  test('a replayed task is PENDING again and rung, with a line that says who did it', async () => {
    const { letterId, taskId } = (await failed(database)).failed[0]
    const path = `/v1/dead-letters/${letterId}/replay`
    stack.sql.take()
    const answer = await answered<Replayed>('POST', path)
    expect(stack.sql.take()).toHaveLength(1)
    expect(answer).toEqual({ id: letterId, task_id: taskId, stream: null })
    const task = await taskRow(database, taskId)
    expect(task).toMatchObject({ status: 0, failures: 0 })
    expect(await fieldsIn('qwen_stream')).toMatchObject([
      ['task_id', taskId, 'fence', String(task!.fence), 'traceparent', expect.any(String)],
    ])
    const lines = await database.query('SELECT level, source, task_id, code, message FROM sys_logs')
    expect(lines).toEqual([
      {
        level: 'audit',
        source: 'dlq',
        task_id: taskId,
        code: 'dead_letter_replayed',
        message: `operator replayed the dead letter ${letterId}.`,
      },
    ])
    const again = await send('POST', path)
    expect(again.status).toBe(409)
    expect(await errorOf(again)).toMatchObject({
      code: 'conflict',
      message: expect.stringContaining('its task waits or runs already'),
    })
    expect(await fieldsIn('qwen_stream')).toHaveLength(1)
  })

  test('what has since succeeded is refused, and stays as it is', async () => {
    const { letterId, taskId } = (await failed(database)).failed[0]
    await database.query(
      `UPDATE tasks SET status = 1, response_text = 'x', error_code = NULL, error_msg = NULL
       WHERE id = $1`,
      [taskId],
    )
    const refused = await send('POST', `/v1/dead-letters/${letterId}/replay`)
    expect(refused.status).toBe(409)
    expect(await errorOf(refused)).toMatchObject({
      code: 'conflict',
      message: 'The dead letter was not replayed: its task has since succeeded.',
    })
    expect(await taskRow(database, taskId, 'status')).toEqual({ status: 1 })
    expect(await fieldsIn('qwen_stream')).toEqual([])
    expect((await send('POST', `/v1/dead-letters/${NOWHERE}/replay`)).status).toBe(404)
  })

  test('a replayed message is added as it was, each field as often as it stood there', async () => {
    const id = await deadMessage(database, { payload: MESSAGE })
    const answer = await answered<Replayed>('POST', `/v1/dead-letters/${id}/replay`)
    expect(answer).toEqual({ id, task_id: null, stream: 'qwen_stream' })
    expect(await fieldsIn('qwen_stream')).toEqual([JSON.parse(MESSAGE)])
    expect((await letterRow(database, id))!.replayed_at).not.toBeNull()
  })

  test('without Redis a task is replayed, and a message is left for later', async () => {
    const { letterId, taskId } = (await failed(database)).failed[0]
    const message = await deadMessage(database, { payload: MESSAGE })
    stack.rest.down = true
    await answered('POST', `/v1/dead-letters/${letterId}/replay`)
    expect(await taskRow(database, taskId, 'status')).toEqual({ status: 0 })
    const refused = await send('POST', `/v1/dead-letters/${message}/replay`)
    expect(refused.status).toBe(503)
    expect(refused.headers.get('retry-after')).toBe('5')
    expect(await errorOf(refused)).toMatchObject({ code: 'unavailable' })
    expect((await letterRow(database, message))!.replayed_at).toBeNull()
  })

  test('where the answer to a replay is lost, workers are asked to look for what nobody rang', async () => {
    const { letterId, taskId } = (await failed(database)).failed[0]
    stack.rest.take()
    stack.sql.loseAnswers = 2
    const lost = await send('POST', `/v1/dead-letters/${letterId}/replay`)
    expect(lost.status).toBe(503)
    expect(await taskRow(database, taskId, 'status')).toEqual({ status: 0 })
    const wake = JSON.stringify([['publish', 'wake', '']])
    await until(() => stack.rest.take().some((asked) => JSON.stringify(asked) === wake))
  })

  test('a message that Redis does not take after all counts as not replayed', async () => {
    const { letterId, taskId } = (await failed(database)).failed[0]
    const ids = [await deadMessage(database, { payload: MESSAGE }), await deadMessage(database)]
    // It answers, and takes no entry.
    await redis.set('qwen_stream', 'no stream')
    const all = await answered<ReplayedAll>('POST', '/v1/dead-letters/replay')
    expect(all).toEqual({ replayed: 1, refused: 2, next_cursor: null })
    expect((await send('POST', `/v1/dead-letters/${ids[0]}/replay`)).status).toBe(503)
    for (const id of ids) expect((await letterRow(database, id))!.replayed_at).toBeNull()
    expect((await letterRow(database, letterId))!.replayed_at).not.toBeNull()
    expect(await taskRow(database, taskId, 'status')).toEqual({ status: 0 })
    await redis.del('qwen_stream')
    const again = await answered<ReplayedAll>('POST', '/v1/dead-letters/replay')
    expect(again).toMatchObject({ replayed: 2, refused: 0 })
  })

  test('all are replayed step by step, each once, and what fails meanwhile is left out', async () => {
    const messages = Array.from({ length: 1_003 }, (_, i) => ({ id: uuidv7(), entry: `${i}-1` }))
    await database.query(
      `INSERT INTO dead_letters (id, kind, source, original_id, payload, error_code, error_msg)
       SELECT m.id, 'message', 'qwen_stream', m.entry, $3, 'unreadable_message', 'x'
       FROM unnest($1::uuid[], $2::text[]) AS m (id, entry)`,
      [messages.map(({ id }) => id), messages.map(({ entry }) => entry), MESSAGE],
    )
    const { letterId } = (await failed(database)).failed[0]
    const unusable = await deadMessage(database, { stream: 'not_ours' })
    const path = '/v1/dead-letters/replay'
    const first = await answered<ReplayedAll>('POST', path)
    // The newest is the one that cannot be replayed.
    expect(first).toMatchObject({ replayed: 999, refused: 1 })
    // With an id as of a worker whose clock is slow.
    const later = '00000000-7a4c-7000-8a5e-3f1c2b4d5e6f'
    await deadMessage(database, { id: later, payload: MESSAGE })
    const rest = await answered<ReplayedAll>('POST', `${path}?cursor=${first.next_cursor}`)
    expect(rest).toEqual({ replayed: 5, refused: 0, next_cursor: null })
    const left = await database.query<{ id: string }>(
      'SELECT id FROM dead_letters WHERE replayed_at IS NULL ORDER BY id',
    )
    expect(left.map(({ id }) => id)).toEqual([later, unusable])
    expect((await letterRow(database, letterId))!.replayed_at).not.toBeNull()
    expect(await redis.xlen('qwen_stream')).toBe(1_004)
    const none = await answered<ReplayedAll>('POST', `${path}?kind=task`)
    expect(none).toEqual({ replayed: 0, refused: 0, next_cursor: null })
    expect((await send('POST', `${path}?cursor=e30`)).status).toBe(400)
  })

  test('one is deleted, with the copies of all; its task stays', async () => {
    const { letterId, taskId } = (await failed(database)).failed[0]
    const other = await deadMessage(database)
    await redis.xadd('sys_dead_letters', '*', 'id', letterId)
    const subscriber = new Redis(stack.redisUrl, { protocol: 2 })
    const { promise: woken, resolve } = Promise.withResolvers<string>()
    subscriber.on('message', resolve)
    await subscriber.subscribe('wake')
    const path = `/v1/dead-letters/${letterId}`
    expect(await answered<Purged>('DELETE', path)).toEqual({
      purged: 1,
      more: false,
      copies_dropped: true,
    })
    expect(await woken).toBe('wake')
    subscriber.disconnect()
    expect(await redis.exists('sys_dead_letters')).toBe(0)
    expect(await letterRow(database, letterId)).toBeUndefined()
    expect(await letterRow(database, other)).toBeDefined()
    expect(await taskRow(database, taskId, 'status')).toEqual({ status: 2 })
    expect((await send('DELETE', path)).status).toBe(404)
  })

  test('those go that fit all that is said, and none where nothing is', async () => {
    const [old, fresh, replayed] = [
      await deadMessage(database),
      await deadMessage(database),
      await deadMessage(database),
    ]
    await database.query(
      `UPDATE dead_letters SET created_at = now() - interval '3 days' WHERE id = ANY ($1)`,
      [[old, replayed]],
    )
    await database.query('UPDATE dead_letters SET replayed_at = now() WHERE id = $1', [replayed])
    for (const query of [
      '',
      '?replayed=false',
      '?older_than_days=-1',
      '?replayed=true&older_then_days=9',
      '?kind=x',
    ]) {
      const refused = await send('DELETE', `/v1/dead-letters${query}`)
      expect(await errorOf(refused), query).toMatchObject({ code: 'invalid_request' })
    }
    const purge = async (query: string) =>
      (await answered<Purged>('DELETE', `/v1/dead-letters?${query}`)).purged
    expect(await purge('kind=task')).toBe(0)
    expect(await purge('older_than_days=2.5&replayed=true')).toBe(1)
    expect(await letterRow(database, replayed)).toBeUndefined()
    expect(await purge('older_than_days=2')).toBe(1)
    expect(await letterRow(database, fresh)).toBeDefined()
    stack.rest.down = true
    expect(await answered<Purged>('DELETE', '/v1/dead-letters?older_than_days=0')).toEqual({
      purged: 1,
      more: false,
      copies_dropped: false,
    })
  })

  test('nodes are listed with their load and state, and no secret', async () => {
    await database.query('DELETE FROM gemini_service_nodes')
    const busy = await node(database, { capacity: 3, weight: 2 })
    const resting = await node(database, { status: '429_LIMIT', retryInS: 60, errors: 2 })
    await node(database, { family: 'gemini', silentS: 31, selfRegistered: true })
    await database.query(
      `UPDATE gemini_service_nodes SET url = 'http://user:SECRET@node/a?key=SECRET' WHERE id = $1`,
      [resting],
    )
    const { held } = await processing(database, ['qwen3', 'qwen3'])
    await database.query('UPDATE tasks SET node_id = $1 WHERE id = ANY ($2)', [
      busy,
      held.map(({ taskId }) => taskId),
    ])
    const answer = await get<Nodes>(stack.gatewayUrl, '/v1/nodes')
    expect(answer.nodes).toEqual([
      expect.objectContaining({ family: 'gemini', state: 'silent', self_registered: true }),
      {
        id: busy,
        family: 'qwen',
        url: `http://node/${busy}`,
        kind: 'ollama',
        self_registered: false,
        status: 'HEALTHY',
        state: 'open',
        capacity: 3,
        load: 2,
        weight: 2,
        error_count: 0,
        retry_at: null,
        last_heartbeat_at: expect.stringMatching(/Z$/),
      },
      expect.objectContaining({
        id: resting,
        url: 'http://node/a',
        status: '429_LIMIT',
        state: 'resting',
        error_count: 2,
        retry_at: expect.stringMatching(/Z$/),
      }),
    ])
    expect(JSON.stringify(answer)).not.toContain('SECRET')
  })

  test('streams and queues are told of by family, in one round trip to each', async () => {
    stack.sql.take()
    stack.rest.take()
    expect(await get<Streams>(stack.gatewayUrl, '/v1/streams')).toMatchObject({
      redis: {
        streams: [
          { family: 'gemini', length: 0, lag: 0, pending: 0, consumers: [] },
          { family: 'deepseek', length: 0 },
          { family: 'qwen', stream: 'qwen_stream', length: 0 },
        ],
        dead_letters: 0,
      },
      postgres: {
        queues: [
          { family: 'gemini', waiting: 0, running: 0, oldest_waiting_s: null },
          { family: 'deepseek' },
          { family: 'qwen' },
        ],
      },
      away: [],
    })
    expect([stack.sql.take().length, stack.rest.take().length]).toEqual([1, 1])

    await processing(database, ['qwen3'])
    await submit(stack.gatewayUrl, { prompt: 'a', model: 'qwen3, qwen3:8b, deepseek-chat' })
    await database.query(
      `UPDATE tasks SET created_at = now() - interval '1 hour' WHERE family = 'qwen' AND status = 0`,
    )
    await redis.xgroup('CREATE', 'qwen_stream', 'qwen_group', '0')
    await redis.xreadgroup('GROUP', 'qwen_group', 'one', 'COUNT', 1, 'STREAMS', 'qwen_stream', '>')
    // Redis does not know the lag once an entry was deleted that nobody had read.
    const deleted = await redis.xadd('qwen_stream', '*', 'noise', 'x')
    await redis.xadd('qwen_stream', '*', 'noise', 'x')
    await redis.xdel('qwen_stream', deleted!)
    await redis.xadd('sys_dead_letters', '*', 'id', 'x')
    const full = await get<Streams>(stack.gatewayUrl, '/v1/streams')
    expect(full.redis).toMatchObject({
      streams: [
        { length: 0 },
        { length: 1, lag: 1, pending: 0, consumers: [] },
        {
          length: 3,
          lag: 2,
          pending: 1,
          consumers: [{ name: 'one', pending: 1, idle_ms: expect.any(Number) }],
        },
      ],
      dead_letters: 1,
    })
    const [gemini, deepseek, qwen] = full.postgres!.queues
    expect(gemini).toMatchObject({ waiting: 0, running: 0 })
    expect(deepseek).toMatchObject({ waiting: 1, running: 0 })
    expect(qwen).toMatchObject({ waiting: 2, running: 1 })
    expect(qwen!.oldest_waiting_s).toBeGreaterThanOrEqual(3600)
    expect(deepseek!.oldest_waiting_s).toBeLessThan(3600)
  })

  test('while one of the two is away its half is null', async () => {
    stack.rest.down = true
    const withoutRedis = await get<Streams>(stack.gatewayUrl, '/v1/streams')
    expect(withoutRedis).toMatchObject({ redis: null, away: ['redis'] })
    expect(withoutRedis.postgres?.queues).toHaveLength(3)
    stack.rest.down = false
    stack.sql.down = true
    const withoutPostgres = await get<Streams>(stack.gatewayUrl, '/v1/streams')
    expect(withoutPostgres).toMatchObject({ postgres: null, away: ['postgres'] })
    expect(withoutPostgres.redis?.streams).toHaveLength(3)
  })
})
