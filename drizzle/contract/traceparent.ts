const TRACEPARENT = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/

/** The caller's W3C `traceparent` where it sent a valid one, else the start of a new trace. */
export function traceparentFrom(header: string | null | undefined): string {
  if (header && TRACEPARENT.test(header)) return header
  return `00-${hex(16)}-${hex(8)}-01`
}

function hex(bytes: number): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(bytes)), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join('')
}
