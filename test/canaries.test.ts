import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { SubmitAnswer } from '../drizzle/contract/http-api.ts'
import { type Fields, post, until } from './setup/client.ts'
import { modelsThatTell } from './setup/model-canaries.ts'
import { type ModelServer, startModelServer } from './setup/model-server.ts'
import { type RedisSpy, spyOnRedis } from './setup/redis-spy.ts'
import { as, LOCAL_KEY } from './setup/send-key.ts'
import { type Program, spawnProgram } from './setup/spawn-program.ts'
import type { Runtime } from './setup/start-gateway.ts'
import { startTcpProxy, type TcpProxy } from './setup/tcp-proxy.ts'
import { type Stack, startStack } from './stack.ts'

const MARK = `canary${randomBytes(4).toString('hex')}`
const canary = (what: string) => `${MARK}-${what}-0123456789abcdef`
const KEY = canary('api-key')
const SECRETS = {
  VISITOR_SECRET: canary('visitor-secret'),
  FILE_URL_SECRET: canary('file-url-secret'),
  NODE_TOKEN: canary('node-token'),
}

/** What a user says in confidence, where everything is as it should be. */
const fields = (more: Fields): Fields => ({
  prompt: `${canary('title')}\n${canary('prompt')}`,
  system: canary('system'),
  files: new File([canary('file-content')], `${canary('file-name')}.txt`),
  ...more,
})

type Send = (path: string, init?: RequestInit) => Promise<Response>
const json = (text: string, method = 'POST') => ({
  method,
  headers: { 'content-type': 'application/json' },
  body: text,
})
const SUBMIT = '/v1/chat/completions'
const multipart = (text: string) => ({
  method: 'POST',
  headers: { 'content-type': `multipart/form-data; boundary=${canary('boundary')}` },
  body: text,
})

/** What is refused, each with something that is nobody else's business in it. */
const REFUSED: [status: number, what: string, send: (send: Send) => Promise<Response>][] = [
  [400, 'JSON that breaks off', (send) => send(SUBMIT, json(`{"prompt":"${canary('json')}`))],
  [400, 'a NUL', (send) => send(SUBMIT, json(JSON.stringify({ prompt: `${canary('nul')}\0` })))],
  [
    400,
    'a prompt too long',
    (send) => send(SUBMIT, json(JSON.stringify({ prompt: canary('long').repeat(8_000) }))),
  ],
  [413, 'a body too large', (send) => send(SUBMIT, json(canary('large').repeat(50_000)))],
  [415, 'another type', (send) => send(SUBMIT, { method: 'POST', body: canary('text') })],
  [400, 'a form that is none', (send) => send(SUBMIT, multipart(canary('form')))],
  [
    400,
    'a form that breaks off',
    (send) => send(SUBMIT, multipart(`--${canary('boundary')}\r\n${canary('part')}: x`)),
  ],
  [
    400,
    'an unknown model',
    (send) => send(SUBMIT, json(JSON.stringify({ prompt: 'a', model: canary('model') }))),
  ],
  [
    400,
    'a number that is none',
    (send) => send(SUBMIT, json(JSON.stringify({ prompt: 'a', temperature: canary('number') }))),
  ],
  [
    404,
    'a conversation that is none',
    (send) => send(SUBMIT, json(JSON.stringify({ prompt: 'a', conversation_id: canary('id') }))),
  ],
  [
    404,
    'a file that is none',
    (send) => send(SUBMIT, json(JSON.stringify({ prompt: 'a', file_ids: [canary('file-id')] }))),
  ],
  [
    400,
    'a key too long',
    (send) =>
      send(SUBMIT, { ...json('{}'), headers: { 'idempotency-key': canary('key').repeat(9) } }),
  ],
  [404, 'a batch that is none', (send) => send(`/v1/batches/${canary('batch')}`)],
  [404, 'an address that is none', (send) => send(`/v1/${canary('path')}?${canary('query')}`)],
  [400, 'a cursor that is none', (send) => send(`/v1/conversations?cursor=${canary('cursor')}`)],
  [
    400,
    'a search too long',
    (send) => send(`/v1/conversations?search=${canary('search').repeat(9)}`),
  ],
  [
    403,
    'a signature that is none',
    (send) => send(`/v1/files/${canary('f')}?signature=${canary('signature')}`),
  ],
  [401, 'a key that is none', (send) => send('/v1/models', { headers: as(canary('unknown-key')) })],
  [
    401,
    'a cookie that is none',
    (send) =>
      send('/v1/models', { headers: { ...as(''), cookie: `visitor=${canary('cookie')}.x` } }),
  ],
  [
    401,
    'a token that is none',
    (send) =>
      send('/v1/nodes/heartbeat', {
        ...json(JSON.stringify({ url: `http://a:${canary('password')}@b.example` })),
        headers: as(canary('unknown-token')),
      }),
  ],
  [
    400,
    'an address with a password',
    (send) =>
      send('/v1/nodes/heartbeat', {
        ...json(JSON.stringify({ url: `http://a:${canary('password')}@node.example` })),
        headers: as(SECRETS.NODE_TOKEN),
      }),
  ],
]

describe.each(['node', 'workerd'] as const)('on %s', { timeout: 90_000 }, (runtime) => {
  let models: ModelServer
  let stack: Stack
  let worker: Program
  let redis: RedisSpy
  let proxies: { redis: TcpProxy; postgres: TcpProxy }
  /** All that must stand nowhere. */
  let secrets: string[]

  beforeAll(async () => {
    models = await startModelServer()
    const tell = modelsThatTell(canary)
    models.answer(({ model }) => tell[model]!())
    stack = await confidentialStack(runtime, models)
    proxies = {
      redis: await startTcpProxy(stack.redisUrl),
      postgres: await startTcpProxy(stack.database.url),
    }
    redis = await spyOnRedis(stack.redisUrl)
    const { UPSTASH_REDIS_REST_TOKEN } = stack.gatewaySettings
    secrets = [MARK, UPSTASH_REDIS_REST_TOKEN!, stack.database.url, proxies.postgres.url]
    await plant()
  }, 120_000)
  afterAll(async () => {
    redis?.close()
    await stack?.stop()
    await proxies?.redis.close()
    await proxies?.postgres.close()
    await models?.close()
  })

  const send: Send = (path, init) =>
    fetch(stack.gatewayUrl + path, { ...init, headers: { ...as(KEY), ...init?.headers } })

  async function accepted(more: Fields, headers: Record<string, string> = as(KEY)) {
    const answer = await post(stack.gatewayUrl, fields(more), headers)
    expect(answer.status, await answer.clone().text()).toBe(202)
    return (await answer.json()) as SubmitAnswer
  }

  /** One run of everything that has to do with what is private. */
  async function plant(): Promise<void> {
    const names = Object.keys(modelsThatTell(canary))
    await accepted({ model: names.slice(0, 6).join() })
    await accepted({ model: names.slice(6).join() }, await visitor())
    const suspect = await accepted({ model: 'qwen-answer, qwen-400, qwen-event' })
    await stack.database.query('UPDATE tasks SET deaths = 2 WHERE batch_id = $1', [
      suspect.batch_id,
    ])
    await refuseInDatabase()
    worker = await stack.startWorker({
      DATABASE_URL: proxies.postgres.url,
      REDIS_URL: proxies.redis.url,
    })
    await until(async () => {
      const open = await stack.database.query('SELECT FROM tasks WHERE status IN (0, 3)')
      return open.length === 0
    }, 40_000)
    await whileServicesFail()
  }

  /** The cookie of a visitor, whose value is a secret from then on. */
  async function visitor(): Promise<Record<string, string>> {
    const headers = { ...as(''), 'sec-fetch-site': 'same-origin' }
    const answer = await fetch(`${stack.gatewayUrl}/v1/session`, { method: 'POST', headers })
    const cookie = answer.headers.getSetCookie()[0]!.split(';')[0]!
    const signature = cookie.split('.')[1]!
    secrets.push(signature, decodeURIComponent(signature))
    return { ...headers, cookie }
  }

  /** Postgres quotes the row that breaks a constraint. */
  async function refuseInDatabase(): Promise<void> {
    await stack.database.query(
      `ALTER TABLE tasks ADD CHECK (response_text NOT LIKE 'poison%');
       ALTER TABLE task_partials ADD CHECK (response_text NOT LIKE 'poison%');
       ALTER TABLE batches ADD CHECK (user_prompt NOT LIKE 'poison%')`,
    )
  }

  async function whileServicesFail(): Promise<void> {
    const statusOf = async (prompt: string) => {
      const sent = fields({ prompt, model: 'qwen-answer' })
      const answer = await post(stack.gatewayUrl, sent, as(KEY))
      demandNone('answer', await answer.text())
      return answer.status
    }
    expect(await statusOf(`poison ${canary('refused-prompt')}`)).toBe(500)
    stack.sql.refuseWith = 'XX000'
    expect(await statusOf(canary('prompt-while-postgres-fails'))).toBe(500)
    stack.sql.refuseWith = undefined
    stack.sql.down = true
    expect(await statusOf(canary('prompt-while-postgres-is-away'))).toBe(503)
    stack.sql.down = false
    stack.rest.refuseWith = 'XX000'
    expect(await statusOf(canary('prompt-while-redis-fails'))).toBe(202)
    stack.rest.refuseWith = undefined
    stack.rest.down = true
    expect(await statusOf(canary('prompt-while-redis-is-away'))).toBe(202)
    stack.rest.down = false
    proxies.redis.cut()
    await worker.printed(/redis is away/)
    proxies.redis.open()
    proxies.postgres.cut()
    await worker.printed(/idle connection lost/)
    proxies.postgres.open()
  }

  function demandNone(where: string, text: string): void {
    for (const secret of secrets) {
      const at = text.indexOf(secret)
      const around = text.slice(Math.max(at - 200, 0), at + 200)
      expect(at === -1 ? '' : around, where).toBe('')
    }
  }

  test.each(REFUSED)('%i for %s', async (status, _, refused) => {
    const answer = await refused(send)
    expect(answer.status, await answer.clone().text()).toBe(status)
  })

  test('what is private is where it belongs', async () => {
    const [texts] = await stack.database.query(
      `SELECT string_agg(concat(t.response_text, t.reasoning_text, b.user_prompt,
         b.system, c.title), '') AS text
       FROM tasks t JOIN batches b ON b.id = t.batch_id
         JOIN conversations c ON c.id = b.conversation_id`,
    )
    const whats = ['answer', 'reasoning', 'prompt', 'system', 'title']
    expect(whats.filter((what) => !texts!.text.includes(canary(what)))).toEqual([])
    expect(() => demandNone('tasks', texts!.text)).toThrow(MARK)
    for (const name of Object.keys(modelsThatTell(canary))) {
      expect(models.requests.map(({ model }) => model)).toContain(name)
    }
  })

  test('no log has any of it', async () => {
    await worker.stop()
    await stack.stopGateway()
    expect(worker.output()).toContain('"msg":"task failed"')
    expect(worker.output()).toContain('result could not be stored')
    expect(stack.gatewayOutput()).toContain('database failed')
    expect(stack.gatewayOutput()).toContain('not rung')
    demandNone('worker', worker.output())
    demandNone('gateway', stack.gatewayOutput())
  })

  test.each(['sys_logs', 'dead_letters'])('%s has none of it', async (table) => {
    const rows = await stack.database.query(`SELECT * FROM ${table}`)
    expect(rows.length).toBeGreaterThan(2)
    demandNone(table, JSON.stringify(rows))
  })

  test('what users are told of errors is ours, not what the model said', async () => {
    const rows = await stack.database.query(
      'SELECT error_code, error_msg FROM tasks WHERE status = 2',
    )
    expect(rows.length).toBeGreaterThanOrEqual(10)
    demandNone('errors', JSON.stringify(rows))
  })

  test('Redis was never sent any of it, and has none', async () => {
    expect(redis.sent()).toContain('qwen_stream')
    expect(redis.sent()).toContain('limit:owner')
    const content = await redis.content()
    expect(content).toContain('sys_dead_letters')
    demandNone('commands', redis.sent())
    demandNone('content', content)
  })
})

const SHIM = 'test/setup/shims/crash-on-sigusr2.mjs'
test.each([
  ['node', ['--import', `./${SHIM}`, 'edge/node.ts']],
  ['deno', ['run', '--allow-all', '--preload', SHIM, 'edge/deno.ts']],
])('an error that ends a gateway on %s is not printed whole', async (command, args) => {
  const gateway = spawnProgram(command, args, {
    DATABASE_URL: 'postgresql://me@127.0.0.1:1/none',
    UPSTASH_REDIS_REST_URL: 'http://127.0.0.1:1',
    UPSTASH_REDIS_REST_TOKEN: 'token',
    API_KEYS: `local:${LOCAL_KEY}`,
    PORT: '0',
  })
  await gateway.printed(/gateway ready/)
  expect(await gateway.stop('SIGUSR2')).toBe(1)
  expect(gateway.output()).toMatch(/"msg":"gateway failed","name":"TypeError","at":".*crash-on/)
  expect(gateway.output()).not.toContain('private')
})

function confidentialStack(runtime: Runtime, models: ModelServer): Promise<Stack> {
  return startStack({
    runtime,
    models,
    workers: 0,
    gatewaySettings: {
      ...SECRETS,
      API_KEYS: `local:${LOCAL_KEY},confident:${KEY}`,
      NODE_HOSTS: 'node.example',
      ENABLE_DB_LOG: 'true',
      REQUESTS_PER_MINUTE: '10000',
    },
    workerSettings: {
      FILE_URL_SECRET: SECRETS.FILE_URL_SECRET,
      ENABLE_DB_LOG: 'true',
      GEMINI_API_KEY: canary('gemini-key'),
      DEEPSEEK_API_KEY: canary('deepseek-key'),
      LLM_API_KEY: canary('llm-key'),
      LOG_LEVEL: 'debug',
      PARTIAL_MS: '100',
      MAX_ATTEMPTS: '2',
      RETRY_BASE_MS: '1',
      BREAKER_FAILURES: '1000',
      BREAKER_COOL_DOWN_MS: '100',
    },
  })
}
