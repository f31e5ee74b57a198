import { createDownload } from 'ai'
import { imageTypeOf } from './image-type.ts'
import { ModelError } from './model-error.ts'
import type { Service } from './providers/provider.ts'

const MOST_BYTES = 20 * 1024 * 1024
const MOST_MS = 60_000

/** The SDK's own, which goes nowhere but to the public internet: a model may name any address. */
const downloadFromAbroad = createDownload({ maxBytes: MOST_BYTES })

type Requests = { url: URL; abortSignal?: AbortSignal | undefined }[]

/**
 * Fetches the pictures that a model names by URL (http or https), in the shape that `streamText` wants: from the
 * service's own address by its own `fetch`, from elsewhere only where the whole world may go. At most 20 MB and
 * 60 s each. Throws ModelError `picture_lost`.
 */
export const downloadPictures =
  ({ origin, fetch }: Service['home']) =>
  (requests: Requests) =>
    Promise.all(
      requests.map(async ({ url, abortSignal }) => {
        const signal = AbortSignal.any([
          ...(abortSignal ? [abortSignal] : []),
          AbortSignal.timeout(MOST_MS),
        ])
        try {
          const data =
            url.origin === origin
              ? await downloadFromHome(url, fetch, signal)
              : (await downloadFromAbroad({ url, abortSignal: signal })).data
          const mediaType = imageTypeOf(data)
          if (mediaType) return { data, mediaType }
        } catch {
          abortSignal?.throwIfAborted()
        }
        throw new ModelError({ code: 'picture_lost', retryable: true })
      }),
    )

async function downloadFromHome(
  url: URL,
  fetch: Service['home']['fetch'],
  signal: AbortSignal,
): Promise<Uint8Array> {
  const response = await fetch(url, { signal, redirect: 'error' })
  const data = await response.bytes()
  if (!response.ok || data.length > MOST_BYTES) throw new Error('no picture')
  return data
}
