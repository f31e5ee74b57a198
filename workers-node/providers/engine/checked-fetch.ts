import { APICallError } from '@ai-sdk/provider'

type Fetch = typeof globalThis.fetch

/**
 * A `fetch` for small answers, whose every failure is an APICallError, as those of the SDK's own calls
 * are. The answer has come whole.
 */
export const checkedFetch =
  (fetch: Fetch): Fetch =>
  async (input, init) => {
    const about = { url: String(input), requestBodyValues: {} }
    const lost = (message: string, statusCode?: number) => (cause: unknown) => {
      init?.signal?.throwIfAborted()
      throw new APICallError({ ...about, message, statusCode, cause })
    }
    const response = await fetch(input, init).catch(lost('the service was not reached'))
    const { status, headers } = response
    const body = await response.bytes().catch(lost('the answer broke off', status))
    if (response.ok) return new Response(body.length > 0 ? body : null, { status, headers })
    throw new APICallError({
      ...about,
      message: 'the service refused',
      statusCode: status,
      responseHeaders: Object.fromEntries(headers),
      responseBody: new TextDecoder().decode(body),
    })
  }
