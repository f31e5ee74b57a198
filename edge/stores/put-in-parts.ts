/** The size of all parts but the last. S3 and R2 take none smaller, and R2 wants them all alike. */
const PART_BYTES = 5 * 1024 * 1024

/** An upload in parts that has been begun; the parts are counted from 1. */
export type PartedUpload<Part> = {
  uploadPart(number: number, bytes: Uint8Array): Promise<Part>
  complete(parts: Part[]): Promise<unknown>
  abort(): Promise<unknown>
}

/**
 * Stores bytes whose number nobody knows yet: what fits into one part at once, more in parts. No
 * more than one part is held, and `bytes` is read no faster than the store takes it.
 */
export async function putInParts<Part>(
  bytes: AsyncIterable<Uint8Array>,
  store: {
    whole(bytes: Uint8Array): Promise<unknown>
    begin(): Promise<PartedUpload<Part>>
  },
): Promise<void> {
  let upload: PartedUpload<Part> | undefined
  const parts: Part[] = []
  try {
    for await (const part of inParts(bytes)) {
      if (!upload && part.length < PART_BYTES) {
        await store.whole(part)
        return
      }
      upload ??= await store.begin()
      parts.push(await upload.uploadPart(parts.length + 1, part))
    }
    await upload?.complete(parts)
  } catch (error) {
    // A store drops by itself, after some days, what it cannot be told to drop now.
    await upload?.abort().catch(() => {})
    throw error
  }
}

/** Memory of parts that were stored, for the next. More than a few at once are not kept. */
const spare: Uint8Array[] = []
const MOST_SPARE = 2

/** Each part lies in the same memory as the one before. There is one at least. */
async function* inParts(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const buffer = spare.pop() ?? new Uint8Array(PART_BYTES)
  let filled = 0
  let any = false
  try {
    for await (const chunk of bytes) {
      for (let from = 0; from < chunk.length; ) {
        const piece = chunk.subarray(from, from + PART_BYTES - filled)
        buffer.set(piece, filled)
        filled += piece.length
        from += piece.length
        if (filled < PART_BYTES) continue
        yield buffer
        any = true
        filled = 0
      }
    }
    if (filled > 0 || !any) yield buffer.subarray(0, filled)
  } finally {
    if (spare.length < MOST_SPARE) spare.push(buffer)
  }
}
