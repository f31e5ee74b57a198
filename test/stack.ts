import { startNeonBridge } from '../dev/neon-bridge.ts'
import { startSimulatedModels } from '../dev/simulated-models.ts'
import { startUpstashBridge } from '../dev/upstash-bridge.ts'
import { forgetDoomedObjects, listDoomedObjects } from '../drizzle/statements/doomed-objects.ts'
import { forgetUnusedFiles } from '../drizzle/statements/forget-unused-files.ts'
import { type CountingProxy, startCountingProxy } from './setup/counting-proxy.ts'
import { createDatabase, type TestDatabase } from './setup/database.ts'
import { openFilePlace } from './setup/file-place.ts'
import type { ModelServer } from './setup/model-server.ts'
import type { ObjectKeys } from './setup/object-keys.ts'
import { takeRedisDatabase } from './setup/redis-database.ts'
import { type Program, spawnProgram } from './setup/spawn-program.ts'
import { type RunningGateway, type Runtime, startGateway } from './setup/start-gateway.ts'
import type { Services } from './setup/use-services.ts'

const TOKEN = 'token-of-the-test-stack'
/** What a gateway asks now and then, after an answer. */
const AFTER_ANSWERS = [forgetUnusedFiles(0), listDoomedObjects(0), forgetDoomedObjects([])].map(
  ({ text }) => text,
)
/** How much of the log of a worker a failure shows. */
const LOG_LINES = 40

/** Everything that a user's stack has, as real processes, on a database of its own. */
export type Stack = {
  gatewayUrl: string
  database: TestDatabase
  redisUrl: string
  /** What the gateway sends to Postgres and to Redis, over HTTP. */
  sql: CountingProxy
  rest: CountingProxy
  /** The keys of all objects in its file store. */
  objectKeys: ObjectKeys
  /** The settings of a gateway on this stack, without PORT. */
  gatewaySettings: Record<string, string>
  /** Starts one more worker and waits until it is ready; tells at once which program it is. */
  startWorker(
    settings?: Record<string, string>,
    started?: (program: Program) => void,
  ): Promise<Program>
  stopGateway(): Promise<void>
  /** Starts a gateway where the stopped one was; not on workerd. */
  startGatewayAgain(settings?: Record<string, string>): Promise<void>
  /** All that the gateway has printed, also after it was stopped. */
  gatewayOutput(): string
  /** Ends every worker with SIGKILL, frozen ones too. */
  killWorkers(): Promise<void>
  /** The last lines of what each worker has printed. */
  workerLogs(): string
  stop(): Promise<void>
}

export type StackOptions = {
  runtime?: Runtime
  /** How many workers to start at once. */
  workers?: number
  workerSettings?: Record<string, string>
  gatewaySettings?: Record<string, string>
  /** The model server to use; without it, the simulated models. */
  models?: Pick<ModelServer, 'url'>
  /** How long a word of the simulated models takes, in ms. */
  wordMs?: number
  /** The servers to run on; without them, those of this run. */
  services?: Services
}

/** Starts a stack. `stop` fails when a process did not end cleanly or a connection was leaked. */
export async function startStack(options: StackOptions = {}): Promise<Stack> {
  const { runtime = 'node', workers = 1, workerSettings = {}, services, wordMs = 30 } = options
  const database = await createDatabase({ services })
  const redisUrl = await takeRedisDatabase(services)
  const neon = await startNeonBridge({ databaseUrl: database.url })
  const upstash = await startUpstashBridge({ redisUrl, token: TOKEN })
  const sql = await startCountingProxy(neon.url, AFTER_ANSWERS)
  const rest = await startCountingProxy(upstash.url)
  const simulated = options.models ? undefined : await startSimulatedModels({ wordMs })
  const modelsUrl = options.models?.url ?? simulated!.url
  const place = await openFilePlace(runtime)
  const gatewaySettings = {
    DATABASE_URL: database.url,
    NEON_FETCH_ENDPOINT: sql.url,
    UPSTASH_REDIS_REST_URL: rest.url,
    UPSTASH_REDIS_REST_TOKEN: TOKEN,
    // All that a test sends is one owner's, and some send very much.
    MAX_OPEN_TASKS: '0',
    MAX_QUEUE_DEPTH: '0',
    ...place.settings,
    ...options.gatewaySettings,
  }
  let gateway: RunningGateway | undefined = await startGateway(runtime, gatewaySettings)
  const { url: gatewayUrl, objectKeys } = gateway
  const outputs = [gateway.output]
  const programs: Program[] = []

  async function startWorker(
    settings: Record<string, string> = {},
    started: (program: Program) => void = () => {},
  ): Promise<Program> {
    const worker = spawnProgram('node', ['workers-node/main.ts'], {
      DATABASE_URL: database.url,
      REDIS_URL: redisUrl,
      GEMINI_API_KEY: 'test-key',
      GEMINI_BASE_URL: modelsUrl,
      DEEPSEEK_SERVICE_URL: modelsUrl,
      LLM_SERVICE_URL: modelsUrl,
      GATEWAY_URL: gatewayUrl,
      FILE_URL_SECRET: place.settings.FILE_URL_SECRET!,
      DRAIN_MS: '1000',
      ...workerSettings,
      ...settings,
    })
    programs.push(worker)
    started(worker)
    await worker.printed(/"msg":"worker ready"/)
    return worker
  }
  async function stopGateway(): Promise<void> {
    await gateway?.stop()
    gateway = undefined
  }

  for (let i = 0; i < workers; i++) await startWorker()
  return {
    gatewayUrl,
    database,
    redisUrl,
    sql,
    rest,
    objectKeys: objectKeys ?? place.keys!,
    gatewaySettings,
    startWorker,
    stopGateway,
    async startGatewayAgain(settings = {}) {
      const { port } = new URL(gatewayUrl)
      gateway = await startGateway(runtime, { ...gatewaySettings, ...settings, PORT: port })
      outputs.push(gateway.output)
    },
    gatewayOutput: () => outputs.map((output) => output()).join(''),
    async killWorkers() {
      await Promise.all(programs.map((program) => program.stop('SIGKILL')))
    },
    workerLogs() {
      const lines = programs.map((program) => program.output().split('\n').slice(-LOG_LINES))
      return lines.map((last, i) => [`worker ${i + 1}:`, ...last].join('\n')).join('\n')
    },
    async stop() {
      await stopGateway()
      await Promise.all(programs.map((program) => program.stop()))
      await Promise.all([sql.close(), rest.close(), simulated?.close()])
      await Promise.all([neon.close(), upstash.close()])
      await place.close()
      await database.drop()
    },
  }
}
