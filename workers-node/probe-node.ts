const ANSWERS_WITHIN_MS = 3_000
/** What a proxy says when there is nothing behind it. */
const NOBODY_THERE = new Set([502, 503, 504])

/**
 * Whether anything answers at the address of a node. Any answer will do, as to the root of a service
 * none means much; no key is sent.
 */
export async function probeNode(url: string, fetch: typeof globalThis.fetch): Promise<boolean> {
  try {
    const response = await fetch(new URL('/', url).href, {
      redirect: 'manual',
      signal: AbortSignal.timeout(ANSWERS_WITHIN_MS),
    })
    await response.body?.cancel()
    return !NOBODY_THERE.has(response.status)
  } catch {
    return false
  }
}
