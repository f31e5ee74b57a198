import { SettingsError } from '../drizzle/contract/settings.ts'
import { killChildren, stopChildren } from './spawn-child.ts'

/** Something that was started and has to be stopped. */
export type Part = {
  stop(): Promise<void> | void
  /** Set for a process: without them nothing is said or done when it ends. */
  name?: string
  logFile?: string
  exited?: Promise<string>
}

/** Takes note of a part, so that it is stopped with the rest. */
export type AddPart = (part: Part) => void

// Ctrl-C reaches this process twice, from the terminal and from npm.
const SAME_SIGNAL_MS = 1000

/**
 * Runs a program of several parts: `start` adds each as it comes up, and a signal stops them, the
 * newest first, and exits 0. A second signal kills what is left and exits at once. Where `start`
 * fails, or a part ends by itself, it is said, all is stopped, and the exit code is 1.
 */
export function runParts(start: (add: AddPart) => Promise<void>): void {
  const parts: Part[] = []
  let stoppedAt: number | undefined

  async function stop(exitCode: number): Promise<void> {
    if (stoppedAt !== undefined) return
    stoppedAt = performance.now()
    let failed = false
    for (const part of parts.reverse()) {
      await Promise.resolve(part.stop()).catch((error) => {
        failed = true
        console.error(`${part.name ?? 'a part'} could not be stopped: ${error.message}`)
      })
    }
    // What was still coming up.
    await stopChildren()
    process.exit(failed ? 1 : exitCode)
  }

  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (stoppedAt === undefined) {
        console.log('stopping …')
        stop(0)
      } else if (performance.now() - stoppedAt > SAME_SIGNAL_MS) {
        killChildren()
        process.exit(130)
      }
    })
  }

  const add: AddPart = (part) => {
    parts.push(part)
    part.exited?.then((how) => {
      if (stoppedAt !== undefined) return
      console.error(`${part.name} ended by itself (${how}); its log: ${part.logFile}`)
      stop(1)
    })
  }

  start(add).catch((error) => {
    if (stoppedAt !== undefined) return
    const verbose = process.env.VERBOSE && !(error instanceof SettingsError)
    console.error(verbose ? error : error.message)
    stop(1)
  })
}
