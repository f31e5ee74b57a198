import { Agent, fetch as undiciFetch } from 'undici'

/** No answer is this long, and more of one would not fit into memory beside the others. */
const MOST_BYTES = 64 * 1024 * 1024

/**
 * A `fetch` for calls to models. No redirect is followed: it would take the key, or a prompt, to where no setting
 * has sent it. `connectMs` bounds the connection, TLS included. undici gives up
 * after 300 s without headers or body by default, which is where a long reasoning call dies: those
 * time-outs are off, as the call has its own.
 */
export function openModelFetch({ connectMs }: { connectMs: number }): {
  fetch: typeof globalThis.fetch
  close(): Promise<void>
} {
  const dispatcher = new Agent({
    headersTimeout: 0,
    bodyTimeout: 0,
    maxResponseSize: MOST_BYTES,
    connect: { timeout: connectMs },
  })
  // undici's own types name the same things as the platform's, as classes of their own.
  const fetch = (input: unknown, init: unknown) =>
    undiciFetch(input as string, { redirect: 'manual', ...(init as object), dispatcher })
  return {
    fetch: fetch as unknown as typeof globalThis.fetch,
    close: () => dispatcher.destroy(),
  }
}
