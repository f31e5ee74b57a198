import { v7 as uuidv7 } from 'uuid'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { startDbLog } from '../workers-node/db-log.ts'
import { log, placeOf } from '../workers-node/log.ts'
import { openPostgres } from '../workers-node/postgres.ts'
import { ask, until } from './setup/client.ts'
import { startModelServer } from './setup/model-server.ts'
import { withShim } from './setup/shims/with-shim.ts'
import { spawnProgram } from './setup/spawn-program.ts'
import { startTcpProxy } from './setup/tcp-proxy.ts'
import { useDatabase } from './setup/use-database.ts'
import { startStack } from './stack.ts'

const CANARY = 'canary-5d1f0c77'
const database = useDatabase()

type Row = {
  level: string
  source: string
  task_id: string | null
  code: string
  message: string
  stack: string | null
}

beforeEach(() => database.query('TRUNCATE sys_logs, log_budget'))

const rows = () => database.query<Row>('SELECT * FROM sys_logs ORDER BY id')

/** Lines that a source says it left out, in its rows. */
const leftOut = (given: Row[], source: string) =>
  given
    .filter((row) => row.source === source && row.code === 'left_out')
    .reduce((sum, { message }) => sum + Number(message.split(' ')[0]), 0)

async function storm(source: string, lines: number) {
  const program = spawnProgram('node', ['test/setup/log-storm.ts'], {
    DATABASE_URL: database.url,
    SOURCE: source,
    LINES: String(lines),
  })
  expect(await program.exited).toBe(0)
  return {
    /** What its own log says of lines that no row tells of. */
    untold: Number(/"lines":(\d+)/.exec(program.output())?.[1] ?? 0),
    printed: program.output().match(/"msg":"task failed"/g)?.length,
  }
}

async function written(source: string): Promise<Row[]> {
  return (await rows()).filter((row) => row.source === source && row.code !== 'left_out')
}

test('a storm of 10,000 errors writes some hundred rows, and every line is written or counted', async () => {
  const { untold, printed } = await storm('worker-1', 10_000)
  expect(printed).toBe(10_000)
  const all = await rows()
  expect(all.length).toBeGreaterThan(250)
  expect(all.length).toBeLessThanOrEqual(600)
  const own = await written('worker-1')
  expect(leftOut(all, 'worker-1')).toBeGreaterThan(9000)
  expect(own.length + leftOut(all, 'worker-1') + untold).toBe(10_000)
  expect(own[0]).toMatchObject({
    level: 'error',
    task_id: '01990b6e-7a4c-7000-8a5e-3f1c2b4d5e6f',
    code: 'code-0',
    message: 'task failed',
    stack: null,
  })
}, 60_000)

test('two workers in a storm share the limit', async () => {
  const sources = ['worker-1', 'worker-2']
  const storms = await Promise.all(sources.map((source) => storm(source, 10_000)))
  const all = await rows()
  expect(all.length).toBeGreaterThan(250)
  expect(all.length).toBeLessThanOrEqual(600)
  for (const [i, source] of sources.entries()) {
    const own = await written(source)
    expect(own.length + leftOut(all, source) + storms[i]!.untold).toBe(10_000)
  }
}, 60_000)

test('a row has of a line what is known to be harmless, and no level below error', async () => {
  const postgres = openPostgres(database.url, { connections: 1, timeoutMs: 5000 })
  const dbLog = startDbLog({ postgres, source: 'worker-1' })
  const taskId = uuidv7()
  const failure = new TypeError(`${CANARY}\n    at ${CANARY}`)
  log.warn({ code: 'below' }, 'not an error')
  log.error(
    { task_id: taskId, code: 'E\u0000', at: placeOf(failure), prompt: CANARY, error: failure },
    'fault\ud800',
  )
  log.fatal('no fields')
  log.error({ task_id: CANARY, code: 7, at: CANARY }, 'odd fields')
  await dbLog.stop()
  await postgres.close()
  const found = await rows()
  const common = { source: 'worker-1', stack: null, task_id: null }
  expect(found).toMatchObject([
    {
      ...common,
      level: 'error',
      task_id: taskId,
      code: 'E',
      message: 'fault\ufffd',
      stack: expect.stringMatching(/^ {4}at .*db-log\.test\.ts/),
    },
    { ...common, level: 'fatal', code: 'unknown', message: 'no fields' },
    { ...common, level: 'error', code: 'unknown', message: 'odd fields' },
  ])
  expect(JSON.stringify(found)).not.toContain(CANARY)
})

test('lines that Postgres could not take are counted, and a row says so when it is back', async () => {
  const proxy = await startTcpProxy(database.url)
  const postgres = openPostgres(proxy.url, { connections: 1, timeoutMs: 1000 })
  const dbLog = startDbLog({ postgres, source: 'worker-1' })
  onTestFinished(async () => {
    await dbLog.stop()
    await postgres.close()
    await proxy.close()
  })
  proxy.cut()
  for (let i = 0; i < 3; i++) log.error({ code: 'lost' }, 'task failed')
  await new Promise((resolve) => setTimeout(resolve, 2500))
  expect(await rows()).toEqual([])
  proxy.open()
  await until(async () => (await rows()).length > 0)
  log.error({ code: 'found' }, 'task failed')
  await until(async () => (await rows()).length > 1)
  expect((await rows()).map(({ level, code, message }) => [level, code, message])).toEqual([
    ['warn', 'left_out', '3 lines on errors were left out before this one'],
    ['error', 'found', 'task failed'],
  ])
})

test('a worker writes its errors where ENABLE_DB_LOG is true, and nothing private with them', async () => {
  const models = await startModelServer()
  models.answer(() => ({ status: 400, body: { error: { message: CANARY } } }))
  const stack = await startStack({
    models,
    workers: 0,
    workerSettings: { LLM_API_KEY: CANARY, GEMINI_API_KEY: CANARY },
  })
  const logged = () => stack.database.query<Row>('SELECT * FROM sys_logs')
  const ask400 = () =>
    ask(stack.gatewayUrl, { prompt: `A prompt ${CANARY}`, model: 'qwen3,gemini-2.5-flash' })

  const silent = await stack.startWorker()
  expect((await ask400()).status).toBe('FAILED')
  await silent.stop()
  expect(await logged()).toEqual([])

  const worker = await stack.startWorker({ ENABLE_DB_LOG: 'true', WORKER_ID: 'worker-7' })
  const { results } = await ask400()
  await until(async () => (await logged()).length >= 2)
  const found = await logged()
  for (const { task_id, error_code } of results) {
    expect(found).toContainEqual(
      expect.objectContaining({ task_id, source: 'worker-7', level: 'error', code: error_code }),
    )
  }
  expect(JSON.stringify(found)).not.toContain(CANARY)
  expect(worker.output()).not.toContain(CANARY)
  await stack.stop()
  await models.close()
}, 60_000)

test('the last words of a worker that fails are written, and it ends soon though Postgres is silent', async () => {
  const stack = await startStack({ workers: 0 })
  const proxy = await startTcpProxy(stack.database.url)
  const settings = {
    ...withShim('crash-on-sigusr2'),
    ENABLE_DB_LOG: 'true',
    DATABASE_URL: proxy.url,
  }
  const crash = async () => {
    const worker = await stack.startWorker(settings)
    return { worker, exit: () => worker.stop('SIGUSR2') }
  }
  const heard = await crash()
  expect(await heard.exit()).toBe(1)
  const logged = await stack.database.query<Row>('SELECT * FROM sys_logs')
  expect(logged).toMatchObject([
    { level: 'fatal', code: 'TypeError', message: 'worker failed', task_id: null },
  ])
  expect(logged[0]!.stack).toContain('crash-on-sigusr2.mjs')
  expect(JSON.stringify(logged)).not.toContain('private')

  const unheard = await crash()
  proxy.hush()
  expect(await unheard.exit()).toBe(1)
  proxy.open()
  await stack.stop()
  await proxy.close()
}, 60_000)
