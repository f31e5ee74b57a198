import { SettingsError } from '../drizzle/contract/settings.ts'
import { codeOf, errorsWritten, log, placeOf } from './log.ts'
import { readWorkerSettings, type WorkerSettings } from './settings.ts'
import { within } from './within.ts'
import { startWorker, type Worker } from './worker.ts'

/** How long a worker that fails waits for its last words to be in the database, in ms. */
const LAST_WORDS_MS = 500

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

// The default handlers print the error whole: its message and fields may hold a secret or a prompt.
process.on('uncaughtException', async (error) => {
  log.fatal({ code: codeOf(error), at: placeOf(error) }, 'worker failed')
  await within(LAST_WORDS_MS, errorsWritten())
  process.exit(1)
})

let worker: Worker | undefined
let stopping = false

async function stop(): Promise<void> {
  if (stopping) process.exit(1)
  stopping = true
  log.info('worker draining')
  // Before it has started it holds nothing.
  await worker?.drain()
  log.info('worker stopped')
  process.exit(0)
}

process.on('SIGTERM', stop)
process.on('SIGINT', stop)
try {
  worker = await startWorker(settings)
} catch (error) {
  if (!(error instanceof SettingsError)) throw error
  console.error(error.message)
  process.exit(1)
}
log.info(
  {
    worker_id: settings.WORKER_ID,
    families: settings.families.map(({ family }) => family.family),
    concurrency: settings.WORKER_CONCURRENCY,
  },
  'worker ready',
)
