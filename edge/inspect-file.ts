import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex } from '@noble/hashes/utils.js'
import { filetypemime } from 'magic-bytes.js'

/** Longer than every mark by which a type is known that a model takes. */
const HEAD_BYTES = 512

export type Inspected = { type: string; bytes: number; sha256: string }

/** Learns what a file is while its bytes go by: its type by content, its size, its hash. */
export class Inspection {
  private readonly hash = sha256.create()
  private readonly head = new Uint8Array(HEAD_BYTES)
  private readonly decoder = new TextDecoder('utf-8', { fatal: true })
  private isText = true
  private bytes = 0

  async *watch(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunks) {
      this.hash.update(chunk)
      if (this.bytes < HEAD_BYTES) {
        this.head.set(chunk.subarray(0, HEAD_BYTES - this.bytes), this.bytes)
      }
      this.bytes += chunk.length
      this.isText &&= !chunk.includes(0) && this.decodes(chunk)
      yield chunk
    }
    this.isText &&= this.decodes()
  }

  /** To be asked once all has gone by. */
  result(): Inspected {
    const [mark] = filetypemime(this.head.subarray(0, this.bytes))
    return { type: this.typeBy(mark), bytes: this.bytes, sha256: bytesToHex(this.hash.digest()) }
  }

  /** Marks are short: some texts begin like a picture. But a PDF may well be text throughout. */
  private typeBy(mark: string | undefined): string {
    if (this.isText && mark !== 'application/pdf') return 'text/plain'
    return mark ?? 'application/octet-stream'
  }

  private decodes(chunk?: Uint8Array): boolean {
    try {
      this.decoder.decode(chunk, { stream: chunk !== undefined })
      return true
    } catch {
      return false
    }
  }
}
