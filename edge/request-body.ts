import type { Context } from 'hono'
import { ApiError } from './api-error.ts'

const MAX_DISCARDED_BYTES = 16 * 1024 * 1024

/**
 * The body of a request, chunk by chunk. Throws ApiError 413 with this sentence for more than
 * `maxBytes`. Who stops reading before its end has the rest read for a while and dropped: a client that
 * is still sending when the connection closes sees a broken connection and never the answer.
 */
export async function* chunksOf(
  c: Context,
  maxBytes: number,
  tooLarge = `The body may have at most ${maxBytes} bytes.`,
): AsyncGenerator<Uint8Array, undefined> {
  const reader = c.req.raw.body?.getReader()
  if (!reader) return
  const refusal = new ApiError('payload_too_large', tooLarge)
  let done = false
  try {
    if (Number(c.req.header('content-length')) > maxBytes) throw refusal
    for (let bytes = 0; ; ) {
      const read = await reader.read()
      done = read.done
      if (read.done) return
      bytes += read.value.byteLength
      if (bytes > maxBytes) throw refusal
      yield read.value
    }
  } finally {
    if (!done) await discard(reader).catch(() => {})
  }
}

/** The whole of a small body as text. Throws as `chunksOf` does. */
export async function textOf(c: Context, maxBytes: number): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  for await (const chunk of chunksOf(c, maxBytes)) text += decoder.decode(chunk, { stream: true })
  return text + decoder.decode()
}

async function discard(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
  for (let bytes = 0; bytes < MAX_DISCARDED_BYTES; ) {
    const { done, value } = await reader.read()
    if (done) return
    bytes += value.byteLength
  }
}
