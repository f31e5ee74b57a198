import type { Context } from 'hono'
import { ApiError } from './api-error.ts'
import type { AppEnv } from './operation.ts'

const CHUNK_BYTES = 64 * 1024
const MAX_DISCARDED_BYTES = 32 * 1024 * 1024

/**
 * The body of a request, chunk by chunk. Throws ApiError 413 with this sentence for more than
 * `maxBytes`, and 400 where it breaks off or stands still. A chunk may lie where the last one lay: it is good until the
 * next is asked for. Who stops reading before its end has the rest read for a while and dropped: a client that
 * is still sending when the connection closes sees a broken connection and never the answer.
 */
export async function* chunksOf(
  c: Context<AppEnv>,
  maxBytes: number,
  tooLarge = `The body may have at most ${maxBytes} bytes.`,
): AsyncGenerator<Uint8Array, undefined> {
  const { body } = c.req.raw
  if (!body) return
  const read = unlessPausing(readerOf(body), c.var.settings.MAX_BODY_PAUSE_MS)
  const refusal = new ApiError('payload_too_large', tooLarge)
  let done = false
  try {
    if (Number(c.req.header('content-length')) > maxBytes) throw refusal
    for (let bytes = 0; ; ) {
      const chunk = await read().catch((error: unknown) => {
        done = true
        if (error instanceof ApiError) throw error
        throw new ApiError('invalid_request', 'The body broke off before its end.')
      })
      done = chunk === undefined
      if (!chunk) return
      bytes += chunk.length
      if (bytes > maxBytes) throw refusal
      yield chunk
    }
  } finally {
    if (!done) await discard(read).catch(() => {})
  }
}

/** The whole of a small body as text. Throws as `chunksOf` does. */
export async function textOf(c: Context<AppEnv>, maxBytes: number): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  for await (const chunk of chunksOf(c, maxBytes)) text += decoder.decode(chunk, { stream: true })
  return text + decoder.decode()
}

/** Gives the next chunk, and undefined at the end. */
type Read = () => Promise<Uint8Array | undefined>

/** Reads into the same memory again and again where the runtime can: garbage is memory as well. */
function readerOf(body: ReadableStream<Uint8Array>): Read {
  let buffer = new ArrayBuffer(CHUNK_BYTES)
  try {
    const reader = body.getReader({ mode: 'byob' })
    return async () => {
      const { value, done } = await reader.read(new Uint8Array(buffer))
      if (done) return undefined
      buffer = value.buffer
      return value
    }
  } catch {
    // Not a stream of bytes by its kind, as on Node.
    const reader = body.getReader()
    return async () => (await reader.read()).value
  }
}

/** Throws ApiError 400 where nothing comes for so long: who stands still would be waited for for ever. */
function unlessPausing(read: Read, maxPauseMs: number): Read {
  return () =>
    new Promise((resolve, reject) => {
      const message = `Nothing came of the body for ${maxPauseMs / 1000} s.`
      const refusal = new ApiError('invalid_request', message)
      const timer = setTimeout(() => reject(refusal), maxPauseMs)
      const settled = read().finally(() => clearTimeout(timer))
      settled.then(resolve, reject)
    })
}

async function discard(read: Read): Promise<void> {
  for (let bytes = 0; bytes < MAX_DISCARDED_BYTES; ) {
    const chunk = await read()
    if (!chunk) return
    bytes += chunk.length
  }
}
