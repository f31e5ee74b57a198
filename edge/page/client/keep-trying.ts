import { ApiError } from './api-error.ts'
import type { Connection } from './connection.ts'
import { pause, untilShown } from './pause.ts'

const FIRST_MS = 1000
const LONGEST_MS = 15_000

/**
 * Asks until there is an answer, with a growing, jittered pause; waits while the tab is hidden.
 * Throws what cannot pass by waiting (a 404, say), and the signal's reason when it aborts.
 */
export async function keepTrying<T>(
  ask: () => Promise<T>,
  { signal, connection }: { signal: AbortSignal; connection: Connection },
): Promise<T> {
  try {
    for (let failures = 0; ; failures++) {
      await untilShown(signal)
      try {
        return await ask()
      } catch (error) {
        if (!(error instanceof ApiError && error.passing)) throw error
        connection.lost(ask)
        await pause(waitMs(failures, error.retryAfterMs), signal)
      }
    }
  } finally {
    connection.settled(ask)
  }
}

function waitMs(failures: number, retryAfterMs: number | null): number {
  const longest = Math.min(LONGEST_MS, FIRST_MS * 2 ** failures)
  return Math.max(retryAfterMs ?? 0, longest * (0.5 + Math.random() / 2))
}
