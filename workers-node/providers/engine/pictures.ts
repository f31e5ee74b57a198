import type { LanguageModelV4File, LanguageModelV4StreamPart } from '@ai-sdk/provider'
import type { LanguageModelMiddleware } from 'ai'
import { inlinePicture, splitPictures } from './markdown-pictures.ts'

/**
 * Gives out the pictures of a service that speaks OpenAI's shape, which knows of none: from the field
 * `images` of a delta, and from the text itself where the services put them as Markdown or a `data:`
 * URL. The text is held back until it is whole, as a picture in it may be megabytes long. A relative
 * address counts from `base`.
 */
export const readPictures = (base: string): LanguageModelMiddleware => ({
  specificationVersion: 'v4',
  transformParams: async ({ params }) => ({ ...params, includeRawChunks: true }),
  wrapStream: async ({ doStream }) => {
    const { stream, ...rest } = await doStream()
    const texts = new Map<string, string>()
    const given = new Set<string>()
    const fresh = (address: string) => given.size < given.add(address).size
    const transform = new TransformStream<LanguageModelV4StreamPart, LanguageModelV4StreamPart>({
      transform(part, controller) {
        const give = (addresses: string[]) => {
          for (const address of addresses.filter(fresh)) {
            const picture = pictureAt(address, base)
            if (picture) controller.enqueue(picture)
          }
        }
        if (part.type === 'raw') give(addressesIn(part.rawValue))
        if (part.type === 'text-delta') {
          texts.set(part.id, (texts.get(part.id) ?? '') + part.delta)
          return
        }
        if (part.type === 'text-end') {
          const { id } = part
          const { words, addresses } = splitPictures(texts.get(id) ?? '')
          if (words.trim()) controller.enqueue({ type: 'text-delta', id, delta: words })
          controller.enqueue(part)
          give(addresses)
          return
        }
        controller.enqueue(part)
      },
    })
    return { stream: stream.pipeThrough(transform), ...rest }
  },
})

function pictureAt(address: string, base: string): LanguageModelV4File | undefined {
  const inline = inlinePicture(address)
  if (inline) {
    const { mediaType, data } = inline
    return { type: 'file', mediaType, data: { type: 'data', data } }
  }
  const url = URL.parse(address, base)
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') return undefined
  return { type: 'file', mediaType: 'image/*', data: { type: 'url', url } }
}

function addressesIn(chunk: unknown): string[] {
  const { choices } = (chunk ?? {}) as { choices?: { delta?: { images?: unknown } }[] }
  const images = Array.isArray(choices) ? choices[0]?.delta?.images : undefined
  if (!Array.isArray(images)) return []
  return (images as ({ image_url?: { url?: unknown } } | null)[])
    .map((image) => image?.image_url?.url)
    .filter((url) => typeof url === 'string')
}
