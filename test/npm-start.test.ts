import { execFile } from 'node:child_process'
import { chmod, mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseEnv, promisify } from 'node:util'
import { afterAll, beforeAll, expect, onTestFailed, onTestFinished, test } from 'vitest'
import type { Batch, Conversations, History } from '../drizzle/contract/http-api.ts'
import { ask, batchUntil, get, submit } from './setup/client.ts'
import { createDatabase } from './setup/database.ts'
import { commandOf, descendants, isAlive, nameOf } from './setup/descendants.ts'
import { PNG } from './setup/pictures.ts'
import { takeRedisDatabase } from './setup/redis-database.ts'
import { sendKeyTo } from './setup/send-key.ts'
import { bareEnvironment, type Program, spawnProgram } from './setup/spawn-program.ts'

const run = promisify(execFile)
let dataDir: string

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'async-chat-start-'))
  await chmod(dataDir, 0o755)
})
afterAll(() => rm(dataDir, { recursive: true, force: true }))

/** Nobody's Ollama is looked for: the address is one where nothing listens. */
function npmStart(settings: Record<string, string> = {}): Program {
  const OLLAMA_URL = 'http://127.0.0.1:1'
  return spawnProgram('npm', ['start'], { DATA_DIR: dataDir, OLLAMA_URL, ...settings })
}

/** The key that the stack has made for its user. */
async function useKeyFor(url: string): Promise<void> {
  sendKeyTo(url, (await readFile(join(dataDir, 'api-key'), 'utf8')).trim())
}

async function endsAll(program: Program, signal: NodeJS.Signals): Promise<void> {
  const started = descendants(program.child.pid!)
  expect(started.length).toBeGreaterThan(5)
  expect(await program.stop(signal)).toBe(0)
  expect(started.filter(isAlive)).toEqual([])
}

test('npm start answers a pasted curl from three models, and leaves nothing running', async () => {
  const program = npmStart()
  const [, url] = await program.printed(/^ready (http:\/\/127\.0\.0\.1:\d+)$/m, 120_000)
  expect(program.output()).toMatch(/gemini: simulated · deepseek: simulated · qwen: simulated/)

  const [curl] = await program.printed(/^curl .*$/m)
  const { stdout } = await run('sh', ['-c', curl], { env: bareEnvironment() as NodeJS.ProcessEnv })
  const batch = JSON.parse(stdout) as Batch
  expect(batch.status).toBe('COMPLETED')
  expect(batch.results.map(({ response_text }) => response_text)).toEqual(
    Array(3).fill(expect.stringMatching(/simulated/i)),
  )

  expect((await fetch(`${url}/v1/models`)).status).toBe(401)
  await useKeyFor(url!)
  const picture = new File([PNG], 'red.png')
  const { batch_id } = await submit(url!, { prompt: 'What is it?', files: picture })
  const [file] = (await batchUntil(url!, batch_id)).files
  expect(file).toMatchObject({ name: 'red.png', type: 'image/png', bytes: PNG.length })
  const bytes = await (await fetch(url! + file!.url)).arrayBuffer()
  expect(Buffer.from(bytes).equals(PNG)).toBe(true)

  const page = await fetch(url!)
  expect(page.headers.get('content-type')).toMatch(/text\/html/)
  expect(page.headers.get('content-security-policy')).toMatch(/default-src 'none'/)
  expect(await page.text()).toMatch(/<title>/)
  expect((await fetch(`${url}/docs/`)).status).toBe(200)

  const envFile = join(dataDir, 'env')
  const lines = (await readFile(envFile, 'utf8')).trim().split('\n')
  expect((await stat(envFile)).mode & 0o777).toBe(0o600)
  expect(lines.map((line) => line.split('=')[0]).sort()).toEqual([
    'DATABASE_DIRECT_URL',
    'DATABASE_URL',
    'FILE_URL_SECRET',
    'NEON_FETCH_ENDPOINT',
    'REDIS_URL',
    'UPSTASH_REDIS_REST_TOKEN',
    'UPSTASH_REDIS_REST_URL',
  ])
  await endsAll(program, 'SIGTERM')
}, 180_000)

test('a second npm start finds the data again; Ctrl-C ends it', async () => {
  const program = npmStart()
  const [, url] = await program.printed(/^ready (\S+)$/m, 120_000)
  await useKeyFor(url!)
  const { conversations } = await get<Conversations>(url!, '/v1/conversations')
  const titles = conversations.map(({ title }) => title)
  expect(titles).toEqual(['What is it?', 'Why is the sky blue?'])
  // The port of this start may be another one.
  const { conversation_id } = conversations[0]!
  const history = await get<History>(url!, `/v1/conversations/${conversation_id}/history`)
  const [file] = history.batches[0]!.files
  expect((await fetch(url! + file!.url)).status).toBe(200)
  await endsAll(program, 'SIGINT')
}, 180_000)

test('npm run services, gateway and worker make the same stack in parts', async () => {
  const npm = (script: string, settings = {}) =>
    spawnProgram('npm', ['run', script], { DATA_DIR: dataDir, ...settings })
  const services = npm('services')
  await services.printed(/^services ready/m, 120_000)
  const gateway = npm('gateway')
  const [, url] = await gateway.printed(/^ready (\S+)$/m, 120_000)
  const worker = npm('worker', { WORKER_STREAMS: 'qwen', LLM_SERVICE_URL: 'http://127.0.0.1:1' })
  await worker.printed(/worker ready/)
  expect(await get(url!, '/health')).toMatchObject({ status: 'ok', workers: { heard_of: 1 } })
  const migrate = npm('migrate')
  expect(await migrate.exited).toBe(0)
  for (const program of [worker, gateway, services]) {
    const started = descendants(program.child.pid!)
    expect(await program.stop()).toBe(0)
    expect(started.filter(isAlive)).toEqual([])
  }
}, 180_000)

test('npm run services uses the servers that are named, behind bridges of its own', async () => {
  const database = await createDatabase()
  const redisUrl = await takeRedisDatabase()
  const settings = { DATA_DIR: dataDir, DATABASE_URL: database.url, REDIS_URL: redisUrl }
  const services = spawnProgram('npm', ['run', 'services'], settings)
  await services.printed(/^services ready/m, 120_000)
  const started = descendants(services.child.pid!).map(nameOf)
  expect(started).not.toContain('postgres')
  expect(started).not.toContain('redis-server')
  const env = parseEnv(await readFile(join(dataDir, 'env'), 'utf8'))
  expect(env).toMatchObject({ DATABASE_URL: database.url, REDIS_URL: redisUrl })
  expect(env).not.toHaveProperty('DATABASE_DIRECT_URL')
  const response = await fetch(env.UPSTASH_REDIS_REST_URL!, {
    method: 'POST',
    headers: { authorization: `Bearer ${env.UPSTASH_REDIS_REST_TOKEN}` },
    body: JSON.stringify(['PING']),
  })
  expect(await response.json()).toEqual({ result: 'PONG' })
  expect(await services.stop()).toBe(0)
  await database.drop()
}, 180_000)

test('a PORT that is asked for and busy is an error that names it', async () => {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const program = npmStart({ PORT: String(port) })
  expect(await program.exited).toBe(1)
  expect(program.output()).toContain(`PORT ${port} is busy`)
  server.close()
}, 180_000)

/** The processes of a stack that are killed, by what stands in their command lines. */
const VICTIMS: Record<string, RegExp> = {
  npm: /^npm start/,
  'the start process': /dev\/start\.ts/,
  Postgres: /postgres -D/,
  Redis: /redis-server/,
  'the worker': /workers-node\/main\.ts/,
  wrangler: /wrangler\.js/,
  workerd: /workerd serve/,
  'every process of Node at once': /^(npm|\S*node) /,
  'every process at once': /./,
}

/** What came up after the last kill, to be killed next. */
let survivor: Program | undefined
const MODELS = 'gemini-2.5-flash,deepseek-r1:1.5b,qwen3:1.7b'
// Nobody is given this port by chance; and one that is asked for may not be held by what is left behind.
const PORT = 20_000 + Math.floor(Math.random() * 10_000)

test.each(
  Object.keys(VICTIMS),
)('after a SIGKILL of %s the next npm start comes up, and the work goes on', async (victim) => {
  const settings = { PORT: String(PORT), DRAIN_MS: '2000', LEASE_MS: '4000' }
  const killed = survivor ?? npmStart(settings)
  survivor = undefined
  const [, url] = await killed.printed(/^ready (\S+)$/m, 120_000)
  const first = [killed.child.pid!, ...descendants(killed.child.pid!)]
  onTestFinished(() => {
    for (const pid of first.filter(isAlive)) process.kill(pid, 'SIGKILL')
  })
  await useKeyFor(url!)
  const { batch_id } = await submit(url!, { prompt: 'Why?', model: MODELS })
  const victims = first.filter((pid) => VICTIMS[victim]!.test(commandOf(pid)))
  expect(victims).not.toEqual([])
  for (const pid of victims) process.kill(pid, 'SIGKILL')
  await killed.exited

  const next = npmStart(settings)
  onTestFailed(async () => void (await next.stop()))
  expect((await next.printed(/^ready (\S+)$/m, 120_000))[1]).toBe(url)
  expect(first.filter(isAlive)).toEqual([])
  // Where the simulated models were gone for too long, its tasks have failed by then.
  await batchUntil(url!, batch_id, undefined, 60_000)
  expect((await ask(url!, { prompt: 'And now?', model: MODELS })).status).toBe('COMPLETED')
  survivor = next
}, 300_000)

test('what came up after all of these ends as ever', async () => {
  await endsAll(survivor!, 'SIGTERM')
}, 60_000)
