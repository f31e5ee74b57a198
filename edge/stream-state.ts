/** A stream, its group, and who reads for the group. */
export type StreamState = {
  length: number
  /** How many entries the group has not read yet. */
  lag: number
  /** How many it has read and not acknowledged. */
  pending: number
  consumers: { name: string; pending: number; idle_ms: number }[]
}

const MOST_CONSUMERS = 100

/**
 * Reads the replies to XLEN, XINFO GROUPS and XINFO CONSUMERS, the last two null where there is no stream
 * or no group. Redis does not know the lag once entries were deleted. As what is acknowledged is deleted
 * with it, what is neither read nor pending is then the rest.
 */
export function streamStateOf([length, groups, consumers]: unknown[], group: string): StreamState {
  const entries = Number(length)
  const found = recordsIn(groups).find(({ name }) => name === group)
  const pending = Number(found?.pending ?? 0)
  const unread = Math.max(entries - pending, 0)
  return {
    length: entries,
    lag: typeof found?.lag === 'number' ? found.lag : unread,
    pending,
    consumers: recordsIn(consumers)
      .slice(0, MOST_CONSUMERS)
      .map(({ name, pending, idle }) => ({
        name: String(name),
        pending: Number(pending),
        idle_ms: Number(idle),
      })),
  }
}

/** Replies that are flat lists of names and values. */
function recordsIn(replies: unknown): Record<string, unknown>[] {
  return ((replies ?? []) as unknown[][]).map((flat) => {
    const pairs = flat.flatMap((name, i) => (i % 2 === 0 ? [[String(name), flat[i + 1]]] : []))
    return Object.fromEntries(pairs)
  })
}
