import { setTimeout as pause } from 'node:timers/promises'
import { codeOf, log } from './log.ts'

/**
 * Does something again and again, `ms` apart and never twice at once, until stopped; the first time
 * at once. A failure is logged by its code, and the next time tries again. `stop` resolves when the
 * one under way is done.
 */
export function every(
  ms: number,
  what: string,
  act: () => Promise<void>,
): { stop(): Promise<void> } {
  const stopping = new AbortController()
  async function loop(): Promise<void> {
    while (!stopping.signal.aborted) {
      await act().catch((error: unknown) => log.warn({ code: codeOf(error) }, `${what} failed`))
      await pause(ms, undefined, { signal: stopping.signal }).catch(() => {})
    }
  }
  const running = loop()
  return {
    stop() {
      stopping.abort()
      return running
    },
  }
}
