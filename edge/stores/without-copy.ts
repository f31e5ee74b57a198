/** Of workerd: a stream that says beforehand how long it is. */
declare const FixedLengthStream:
  | (new (
      length: number,
    ) => TransformStream<Uint8Array, Uint8Array>)
  | undefined

const PIECE_BYTES = 64 * 1024

/**
 * Bytes as the body of a request, of a length that is told beforehand. On workerd they are streamed, as
 * it copies what it is given at once, and keeps the copies until it collects garbage.
 */
export function withoutCopy(bytes: Uint8Array): ReadableStream<Uint8Array> | Uint8Array {
  if (typeof FixedLengthStream === 'undefined') return bytes
  const { readable, writable } = new FixedLengthStream(bytes.length)
  // Where the reader goes away, it is the reader who says why.
  void writeAll(writable.getWriter(), bytes).catch(() => {})
  return readable
}

async function writeAll(writer: WritableStreamDefaultWriter<Uint8Array>, bytes: Uint8Array) {
  for (let from = 0; from < bytes.length; from += PIECE_BYTES) {
    await writer.write(bytes.subarray(from, from + PIECE_BYTES))
  }
  await writer.close()
}
