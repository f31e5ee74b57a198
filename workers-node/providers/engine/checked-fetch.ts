import { APICallError } from '@ai-sdk/provider'

type Fetch = typeof globalThis.fetch

/** A `fetch` whose every failure is an APICallError, as those of the SDK's own calls are. */
export const checkedFetch =
  (fetch: Fetch): Fetch =>
  async (input, init) => {
    const about = { url: String(input), requestBodyValues: {} }
    const response = await fetch(input, init).catch((cause: unknown) => {
      init?.signal?.throwIfAborted()
      throw new APICallError({ ...about, message: 'the service was not reached', cause })
    })
    if (response.ok) return response
    throw new APICallError({
      ...about,
      message: 'the service refused',
      statusCode: response.status,
      responseHeaders: Object.fromEntries(response.headers),
      responseBody: await response.text(),
    })
  }
