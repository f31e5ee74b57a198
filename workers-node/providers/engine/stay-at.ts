import { APICallError } from '@ai-sdk/provider'

type Fetch = typeof globalThis.fetch

/**
 * A `fetch` that goes to these origins only. Where a service names another for what is to follow, that
 * fails as a redirect does.
 */
export const stayAt =
  (origins: readonly string[], fetch: Fetch): Fetch =>
  async (input, init) => {
    const url = String(input)
    if (origins.includes(new URL(url).origin)) return fetch(input, init)
    const about = { url, requestBodyValues: {}, statusCode: 307 }
    throw new APICallError({ ...about, message: 'the service named another' })
  }
