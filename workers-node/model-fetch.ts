import { Agent, fetch as undiciFetch } from 'undici'

const CONNECT_TIMEOUT_MS = 10_000

/**
 * A `fetch` for calls to models. undici gives up after 300 s without headers or body by default,
 * which is where a long reasoning call dies: those time-outs are off, the call has its own budget.
 */
export function openModelFetch(): { fetch: typeof globalThis.fetch; close(): Promise<void> } {
  const dispatcher = new Agent({
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: { timeout: CONNECT_TIMEOUT_MS },
  })
  // undici's own types name the same things as the platform's, as classes of their own.
  const fetch = (input: unknown, init: unknown) =>
    undiciFetch(input as string, { ...(init as object), dispatcher })
  return {
    fetch: fetch as unknown as typeof globalThis.fetch,
    close: () => dispatcher.destroy(),
  }
}
