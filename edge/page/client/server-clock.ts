let aheadMs = 0

/** Learns from a `Date` header how far this computer's clock is off. */
export function noteServerTime(header: string | null): void {
  const time = Date.parse(header ?? '')
  // The header counts whole seconds: smaller differences are rounding, and must not jitter.
  if (Number.isNaN(time)) return
  const difference = time - Date.now()
  aheadMs = Math.abs(difference) > 2000 ? difference : 0
}

/** Now, as the server would write it. */
export function serverTime(): string {
  return new Date(Date.now() + aheadMs).toISOString()
}

/** Seconds since a time of the server's, never below 0. */
export function secondsSince(time: string): number {
  return Math.max(0, (Date.now() + aheadMs - Date.parse(time)) / 1000)
}
