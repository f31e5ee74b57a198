const MOST_MS = 60_000
/** The longest that a task waits because a service asks for it; its node may rest for longer. */
const MOST_ASKED_MS = 120_000

/**
 * How long to wait before the next try, in ms: twice as long after each failure, up to 60 s, and a
 * random part of up to a half less, so that those that failed together do not come back together. A
 * wait that the service asked for, cut to 120 s, is the least; a tenth is spread behind it.
 */
export function retryDelayMs(failuresBefore: number, baseMs: number, askedMs: number): number {
  const most = Math.min(baseMs * 2 ** Math.min(failuresBefore, 20), MOST_MS)
  const jittered = most * (1 - Math.random() / 2)
  const asked = Math.min(askedMs, MOST_ASKED_MS)
  return Math.ceil(Math.max(jittered, asked * (1 + Math.random() / 10)))
}
