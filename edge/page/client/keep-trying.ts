import { ApiError } from './api-error.ts'
import { lost, settled } from './connection.ts'
import { pause, pauseFor, untilShown, whileShown } from './pause.ts'

const FIRST_MS = 1000
const LONGEST_MS = 15_000

/**
 * Asks until there is an answer, with a growing, jittered pause; `isRepeat`: it has not been answered before.
 * While the tab is hidden nothing is asked, and what is being asked is broken off. Throws what cannot pass by
 * waiting (a 404, say), and the signal's reason when it aborts.
 */
export async function keepTrying<T>(
  ask: (signal: AbortSignal, isRepeat: boolean) => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  try {
    for (let failures = 0; ; ) {
      await untilShown(signal)
      const shown = whileShown(signal)
      try {
        return await ask(shown.signal, failures > 0)
      } catch (error) {
        signal.throwIfAborted()
        if (shown.signal.aborted) continue
        if (!(error instanceof ApiError && error.passing)) throw error
        const ms = waitMs(failures++, error.retryAfterMs)
        lost(ask, error, ms)
        // Who has named a time is not asked before.
        await (error.retryAfterMs === null ? pause : pauseFor)(ms, signal)
      } finally {
        shown.release()
      }
    }
  } finally {
    settled(ask)
  }
}

function waitMs(failures: number, retryAfterMs: number | null): number {
  const longest = Math.min(LONGEST_MS, FIRST_MS * 2 ** failures)
  return Math.max(retryAfterMs ?? 0, longest * (0.5 + Math.random() / 2))
}
