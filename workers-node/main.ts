import { SettingsError } from '../drizzle/contract/settings.ts'
import { log } from './log.ts'
import { readWorkerSettings, type WorkerSettings } from './settings.ts'
import { startWorker } from './worker.ts'

// The AI SDK prints warnings of its own accord; what we log we choose ourselves.
Object.assign(globalThis, { AI_SDK_LOG_WARNINGS: false })

let settings: WorkerSettings
try {
  settings = readWorkerSettings(process.env)
} catch (error) {
  if (!(error instanceof SettingsError)) throw error
  console.error(error.message)
  process.exit(1)
}

log.level = settings.LOG_LEVEL
const worker = startWorker(settings)
let stopping = false

async function stop(): Promise<void> {
  if (stopping) process.exit(1)
  stopping = true
  log.info('worker draining')
  await (await worker).drain()
  log.info('worker stopped')
}

process.on('SIGTERM', stop)
process.on('SIGINT', stop)
await worker
log.info(
  {
    worker_id: settings.WORKER_ID,
    families: settings.families.map(({ family }) => family.family),
    concurrency: settings.WORKER_CONCURRENCY,
  },
  'worker ready',
)
