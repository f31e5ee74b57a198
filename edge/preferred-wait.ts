const MOST_S = 30
/** A quoted text that is not ended goes on to the end. */
const PREFERENCE = /(?:"(?:\\.|[^"\\])*"?|[^",])+/g
const WAIT = /^\s*wait\s*=\s*(?:(\d+)|"(\d+)")\s*(?:;|$)/i

/**
 * How many seconds a caller would wait for its answer, by the preference `wait` of its `Prefer` header
 * (RFC 7240, section 4.3), 30 at most; undefined where it names none that can be read.
 */
export function preferredWait(header: string | undefined): number | undefined {
  for (const preference of header?.match(PREFERENCE) ?? []) {
    const [, bare, quoted] = WAIT.exec(preference) ?? []
    const seconds = bare ?? quoted
    // Of several the first counts (section 2).
    if (seconds !== undefined) return Math.min(Number(seconds), MOST_S)
  }
  return undefined
}
