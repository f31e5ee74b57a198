import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { ClaimedTask } from '../drizzle/statements/claim-tasks-if-pending.ts'
import { BEAT_MS, type SuspectMessage } from './suspect-message.ts'

/**
 * The program of a process that makes one call and ends (see `suspects.ts`). It is sent a task, and
 * sends back the parts of the answer. It opens neither Postgres nor Redis.
 */

// A signal to their whole group is meant for the parent, which then says when this call ends.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})
process.on('disconnect', () => process.exit(1))
const parent = Number(process.argv[2])
new Worker(new URL('end-with-parent.ts', import.meta.url), { workerData: parent }).unref()
setInterval(() => void say({ type: 'beat' }), BEAT_MS)
const given = once(process, 'message') as Promise<[ClaimedTask]>

// What takes time to load comes once the above is in place.
const { codeOf, log, placeOf } = await import('./log.ts')
process.on('uncaughtException', (error) => {
  log.fatal({ code: codeOf(error), at: placeOf(error) }, 'process of a suspect failed')
  process.exit(1)
})
const { answer } = await import('./answer-suspect.ts')

const [task] = await given
for await (const message of answer(task)) await say(message)
process.exit(0)

/** Resolves once the message is on its way, so that a quick model is not read faster than that. */
function say(message: SuspectMessage): Promise<void> {
  // Without a parent there is nobody to tell, and the end of this process is under way.
  return new Promise((resolve) => process.send?.(message, () => resolve()))
}
