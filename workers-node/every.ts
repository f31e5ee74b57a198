import { setTimeout as pause } from 'node:timers/promises'
import { codeOf, log } from './log.ts'

/**
 * Does something again and again until stopped, never twice at once: every `ms`, counted from beginning
 * to beginning, or at once where it took longer; the first time at once. A failure is logged by its
 * code, and the next time tries again. `stop` resolves when the one under way is done.
 */
export function every(
  ms: number,
  what: string,
  act: () => Promise<void>,
): { stop(): Promise<void> } {
  const stopping = new AbortController()
  async function loop(): Promise<void> {
    while (!stopping.signal.aborted) {
      const began = performance.now()
      await act().catch((error: unknown) => log.warn({ code: codeOf(error) }, `${what} failed`))
      const left = Math.max(began + ms - performance.now(), 0)
      await pause(left, undefined, { signal: stopping.signal }).catch(() => {})
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
