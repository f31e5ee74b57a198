import { setTimeout as pause } from 'node:timers/promises'
import type { FaultStack } from '../faults/scenario.ts'
import { supervise } from '../faults/supervise.ts'

export type RestlessWorker = {
  killed(): number
  drained(): number
  /** Those drains that did not end in order, as the codes they ended with. */
  badExits: (number | string | null)[]
  /** Lets it be, and resolves once it works again. Throws where it did not come up. */
  leave(): Promise<void>
  /** Ends it in order; gives its exit code. */
  stop(): Promise<number | string | null>
}

/** A worker that is ended every so many ms, by SIGKILL and by SIGTERM in turns, and started again. */
export async function startRestlessWorker(
  stack: FaultStack,
  settings: Record<string, string>,
  everyMs: number,
): Promise<RestlessWorker> {
  const worker = await supervise(stack, settings)
  const left = new AbortController()
  const signal = AbortSignal.any([stack.over, left.signal])
  const badExits: RestlessWorker['badExits'] = []
  let killed = 0
  let drained = 0

  async function endAgainAndAgain(): Promise<void> {
    for (;;) {
      await pause(everyMs, undefined, { signal })
      const program = worker.program()
      if (killed === drained) {
        await program.stop('SIGKILL')
        killed++
        continue
      }
      await program.printed(READY)
      const exit = await program.stop('SIGTERM')
      if (exit !== 0) badExits.push(exit)
      drained++
    }
  }

  const ending = endAgainAndAgain().catch((error: unknown) => {
    if (!signal.aborted) throw error
  })
  // It is looked at when the worker is left.
  ending.catch(() => {})
  return {
    killed: () => killed,
    drained: () => drained,
    badExits,
    async leave() {
      left.abort()
      await ending
      await worker.program().printed(READY)
    },
    stop: () => worker.stop(),
  }
}

const READY = /"msg":"worker ready"/
