import { randomBytes } from 'node:crypto'
import { mkdirSync, readdirSync } from 'node:fs'
import { findPackageJSON } from 'node:module'
import { delimiter, dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { integer, readSettings, SettingsError } from '../drizzle/contract/settings.ts'
import { readEdgeSettings } from '../edge/settings.ts'
import { fileUrlSecret } from './file-url-secret.ts'
import { followLog } from './follow-log.ts'
import { freePort, isPortFree } from './free-port.ts'
import { identities } from './identities.ts'
import { lockFolder } from './lock-folder.ts'
import { writePrivateFile } from './private-file.ts'
import { type GivenEnvironment, PROJECT, readEnvironment } from './read-environment.ts'
import { runParts } from './run-parts.ts'
import { type Child, spawnChild, stopLeftover } from './spawn-child.ts'

const DEFAULT_PORT = 8787
const WRANGLER = join(dirname(findPackageJSON('wrangler', import.meta.url)!), 'bin/wrangler.js')

/** What the gateway may see of the environment; nothing else is handed to it. */
const PASSED_ON = [
  'DATABASE_URL',
  'UPSTASH_REDIS_REST_URL',
  'UPSTASH_REDIS_REST_TOKEN',
  'NEON_FETCH_ENDPOINT',
  'MAX_BODY_BYTES',
  'MAX_UPLOAD_BYTES',
  'MAX_BODY_PAUSE_MS',
  'MAX_OPEN_TASKS',
  'MAX_QUEUE_DEPTH',
  'ENABLE_DB_LOG',
  'NODE_TOKEN',
  'NODE_HOSTS',
  'FILE_URL_SECRET',
  'API_KEYS',
  'VISITORS',
  'VISITOR_SECRET',
  'CORS_ORIGINS',
  'REQUESTS_PER_MINUTE',
  'REQUESTS_PER_MINUTE_PER_ADDRESS',
  'NEW_VISITORS_PER_MINUTE',
  'INSTANCE_ID',
]

/** wrangler then starts a new one, which never answers: better the gateway ends, and says so. */
const RUNTIME_CRASHED = /\bruntime crashed\b/

/** The gateway under `wrangler dev`; `ready` resolves once it answers. */
export type LocalGateway = Child & { url: string; ready: Promise<void> }

/**
 * Starts the gateway in workerd, by `wrangler dev`, on 127.0.0.1: at `PORT`, or without it at 8787
 * or the next free port. Resolves when it is known where it will answer. A gateway that a killed
 * parent left behind in the data folder is stopped first. Throws SettingsError for a missing or wrong
 * setting, and for a `PORT` that is busy.
 */
export async function startGateway({
  environment,
  dataDir,
}: GivenEnvironment): Promise<LocalGateway> {
  readEdgeSettings(environment)
  const { PORT } = readSettings(z.object({ PORT: integer(0, 65_535).optional() }), environment)
  await stopLeftovers(dataDir)
  const port = await choosePort(PORT)
  const folder = join(dataDir, `gateway-${port}`)
  const unlock = lockFolder(folder)
  try {
    const instance = randomBytes(16).toString('hex')
    const vars = {
      ...environment,
      ...identities({ environment, dataDir }),
      INSTANCE_ID: instance,
      FILE_URL_SECRET: fileUrlSecret({ environment, dataDir }),
    }
    const child = await spawnWrangler(vars, { dataDir, folder, port })
    const url = `http://127.0.0.1:${port}`
    const unfollow = followLog(child.logFile, (line) => {
      if (RUNTIME_CRASHED.test(line)) void child.stop()
    })
    child.exited.then(unfollow)
    const ready = untilReady(child, url, instance)
    ready.catch(() => {})
    return { ...child, url, ready, stop: () => child.stop().finally(unlock) }
  } catch (error) {
    unlock()
    throw error
  }
}

/** A folder that is locked belongs to a gateway whose parent lives. */
async function stopLeftovers(dataDir: string): Promise<void> {
  mkdirSync(dataDir, { recursive: true })
  for (const name of readdirSync(dataDir).filter((name) => /^gateway-\d+$/.test(name))) {
    const folder = join(dataDir, name)
    try {
      const unlock = lockFolder(folder)
      await stopLeftover(join(folder, 'process.json')).finally(unlock)
    } catch (error) {
      if (!(error instanceof SettingsError)) throw error
    }
  }
}

async function choosePort(asked: number | undefined): Promise<number> {
  if (asked) {
    if (await isPortFree(asked)) return asked
    throw new SettingsError(`PORT ${asked} is busy: stop what listens there, or set another PORT.`)
  }
  if (asked === 0) return freePort()
  return freePort(...Array.from({ length: 100 }, (_, i) => DEFAULT_PORT + i))
}

async function spawnWrangler(
  environment: GivenEnvironment['environment'],
  { dataDir, folder, port }: { dataDir: string; folder: string; port: number },
): Promise<Child> {
  const envFile = join(folder, 'vars.env')
  const given = PASSED_ON.flatMap((name) => (environment[name] ? [[name, environment[name]]] : []))
  // On a command line they could be read by every user of the machine.
  writePrivateFile(envFile, wranglerVars(Object.fromEntries(given)))
  const { HOME, TMPDIR, LANG, PATH = '', NODE_EXTRA_CA_CERTS } = process.env
  const options = {
    config: join(PROJECT, 'wrangler.toml'),
    ip: '127.0.0.1',
    port,
    'inspector-port': await freePort(),
    'env-file': envFile,
    // Uploaded files lie there: they must be found again though the port is another one.
    'persist-to': join(dataDir, 'gateway-state'),
    'show-interactive-dev-session': false,
  }
  return spawnChild({
    name: 'gateway',
    command: process.execPath,
    args: [WRANGLER, 'dev'].concat(
      Object.entries(options).map(([name, value]) => `--${name}=${value}`),
    ),
    cwd: PROJECT,
    env: {
      HOME,
      TMPDIR,
      LANG,
      NODE_EXTRA_CA_CERTS,
      // The build step of wrangler.toml says `node`, and means the one of this project.
      PATH: join(PROJECT, 'node_modules/.bin') + delimiter + PATH,
      CLOUDFLARE_CF_FETCH_ENABLED: 'false',
      WRANGLER_SEND_METRICS: 'false',
      WRANGLER_SEND_ERROR_REPORTS: 'false',
      // Both would lie in the home folder, for all projects together.
      WRANGLER_LOG_PATH: join(folder, 'wrangler-logs'),
      WRANGLER_REGISTRY_PATH: join(folder, 'registry'),
      NO_COLOR: '1',
    },
    logFile: join(folder, 'gateway.log'),
    recordFile: join(folder, 'process.json'),
  })
}

/** wrangler expands `$NAME` in values of an env file, in quotes too, unless it is escaped. */
function wranglerVars(vars: Record<string, string>): string {
  const lines = Object.entries(vars).map(
    ([name, value]) => `${name}='${value.replaceAll('$', '\\$')}'\n`,
  )
  return lines.join('')
}

/** Whoever else may listen there cannot know the id that was given to this process alone. */
async function untilReady(child: Child, url: string, instance: string): Promise<void> {
  let ended: string | undefined
  child.exited.then((how) => {
    ended = how
  })
  const deadline = performance.now() + 120_000
  while (!(await answers(url, instance))) {
    if (ended) throw new Error(`the gateway ended (${ended}); its log: ${child.logFile}`)
    if (performance.now() > deadline) {
      throw new Error(`the gateway does not answer; its log: ${child.logFile}`)
    }
    await sleep(100)
  }
}

async function answers(url: string, instance: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/health`, { signal: AbortSignal.timeout(5000) })
    await response.body?.cancel()
    return response.headers.get('x-instance-id') === instance
  } catch {
    return false
  }
}

if (import.meta.main) {
  runParts(async (add) => {
    const gateway = await startGateway(readEnvironment({ addresses: true }))
    add(gateway)
    await gateway.ready
    console.log(`ready ${gateway.url}`)
  })
}
