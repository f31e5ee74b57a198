import { join } from 'node:path'
import { followLog } from './follow-log.ts'
import { type GivenEnvironment, PROJECT } from './read-environment.ts'
import { type Child, spawnChild, stopLeftover } from './spawn-child.ts'

const DRAIN_MS = 30_000
/** How much longer than its own grace a worker may take before it is killed, in ms. */
const MARGIN_MS = 5000

/**
 * Starts a worker for the families of `WORKER_STREAMS` (all by default) and resolves when it reads
 * its streams. It logs to `worker.log` in the data folder; `show` gets each line too. One that a
 * killed parent left behind is stopped first.
 */
export async function startWorker(
  { environment, dataDir }: GivenEnvironment,
  show?: (line: string) => void,
): Promise<Child> {
  const recordFile = join(dataDir, 'worker.process.json')
  const stopMs = (Number(environment.DRAIN_MS) || DRAIN_MS) + MARGIN_MS
  await stopLeftover(recordFile, 'SIGTERM', stopMs)
  const child = spawnChild({
    name: 'worker',
    command: process.execPath,
    args: [join(PROJECT, 'workers-node/main.ts')],
    cwd: PROJECT,
    env: environment,
    logFile: join(dataDir, 'worker.log'),
    recordFile,
    stopMs,
  })
  const ready = Promise.withResolvers<void>()
  const lines: string[] = []
  const unfollow = followLog(child.logFile, (line) => {
    show?.(line)
    lines.push(line)
    if (lines.length > 5) lines.shift()
    if (line.includes('"msg":"worker ready"')) ready.resolve()
  })
  const failed = child.exited.then((how) => {
    throw new Error(`the worker ended (${how}); its log: ${child.logFile}\n${lines.join('\n')}`)
  })
  failed.catch(() => {})
  await Promise.race([ready.promise, failed])
  if (!show) unfollow()
  return child
}
