import { setTimeout as pause } from 'node:timers/promises'
import type { Program } from '../setup/spawn-program.ts'
import type { FaultStack } from './scenario.ts'

export type Supervised = {
  /** The program that runs now, or ran last. */
  program(): Program
  /** How often it has died and been started again. */
  deaths(): number
  /** Ends it for good; gives its exit code. */
  stop(): Promise<number | string | null>
}

/** Keeps a worker running as a restart policy would: whenever it dies, it is started again. */
export async function supervise(
  stack: FaultStack,
  settings: Record<string, string>,
): Promise<Supervised> {
  let stopping = false
  let deaths = 0
  let program = await stack.startWorker(settings)
  async function watch(): Promise<void> {
    for (;;) {
      await program.exited
      if (stopping || stack.over.aborted) return
      deaths++
      // It may die before it is ready, for a task that it takes at its start.
      await stack
        .startWorker(settings, (started) => {
          program = started
        })
        .catch(() => pause(100))
    }
  }
  const watching = watch()
  return {
    program: () => program,
    deaths: () => deaths,
    async stop() {
      stopping = true
      const exit = await program.stop()
      await watching
      return exit
    },
  }
}
