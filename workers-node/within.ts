import { setTimeout as pause } from 'node:timers/promises'

/** Waits for something, but not for longer than `ms`. Rejects where it does in that time. */
export async function within(ms: number, something: Promise<unknown>): Promise<void> {
  const late = new AbortController()
  const bound = pause(Math.max(ms, 0), undefined, { signal: late.signal }).catch(() => {})
  try {
    await Promise.race([something, bound])
  } finally {
    late.abort()
  }
}
