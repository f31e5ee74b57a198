import { type AllowedHost, isAllowedHost } from '../drizzle/contract/host-list.ts'
import { imageTypeOf } from './image-type.ts'
import { ModelError } from './model-error.ts'
import type { Service } from './providers/provider.ts'

const MOST_BYTES = 20 * 1024 * 1024
const MOST_MS = 60_000

type Requests = { url: URL; abortSignal?: AbortSignal | undefined }[]

/**
 * Fetches the pictures that a model names by URL (http or https), in the shape that `streamText` wants, by the
 * service's own `fetch`, which follows no redirect, and without any key. A user can make a model name any address: only the service's own, and
 * the hosts given, are asked. At most 20 MB and 60 s each. Throws ModelError `picture_lost`.
 */
export const downloadPictures =
  ({ origin, fetch }: Service['home'], hosts: readonly AllowedHost[]) =>
  (requests: Requests) =>
    Promise.all(
      requests.map(async ({ url, abortSignal }) => {
        if (url.origin !== origin && !isAllowedHost(hosts, url)) throw lost(false)
        const signal = AbortSignal.any([
          ...(abortSignal ? [abortSignal] : []),
          AbortSignal.timeout(MOST_MS),
        ])
        try {
          const data = await download(url, fetch, signal)
          const mediaType = imageTypeOf(data)
          if (mediaType) return { data, mediaType }
        } catch {
          abortSignal?.throwIfAborted()
        }
        throw lost(true)
      }),
    )

const lost = (retryable: boolean) => new ModelError({ code: 'picture_lost', retryable })

async function download(
  url: URL,
  fetch: Service['home']['fetch'],
  signal: AbortSignal,
): Promise<Uint8Array> {
  const response = await fetch(url, { signal })
  const data = await response.bytes()
  if (!response.ok || data.length > MOST_BYTES) throw new Error('no picture')
  return data
}
