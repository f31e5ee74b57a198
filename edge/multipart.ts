/** One part of a form. `body` is read once, and before the next part is asked for. */
export type Part = {
  name: string
  /** Undefined where it is a field and no file. */
  filename: string | undefined
  body: AsyncIterable<Uint8Array>
}

/** A body that is no form. */
export class MultipartError extends Error {
  override name = 'MultipartError'
}

const MAX_HEADER_BYTES = 8192
const bytesOf = (text: string) => new TextEncoder().encode(text)
const HEADER_END = bytesOf('\r\n\r\n')

/** The boundary that a Content-Type names. Throws MultipartError where it names none. */
export function boundaryOf(contentType: string): string {
  const [, quoted, plain] = /;\s*boundary=(?:"([^"]+)"|([^\s;"]+))/i.exec(contentType) ?? []
  const boundary = quoted ?? plain
  // RFC 2046, 5.1.1: 1 to 70 characters.
  if (!boundary || boundary.length > 70) throw new MultipartError('no boundary')
  return boundary
}

/**
 * Reads multipart/form-data (RFC 7578) part by part, and each part chunk by chunk. Our own, as the
 * parsers that were tried gather each part in memory, or lose the field's name beside a file name
 * that is not ASCII, or fail where a chunk ends within the last boundary. Throws MultipartError.
 */
export async function* readMultipart(
  chunks: AsyncGenerator<Uint8Array>,
  boundary: string,
): AsyncGenerator<Part> {
  const source = new Splitter(chunks)
  const delimiter = bytesOf(`\r\n--${boundary}`)
  try {
    await drain(source.until(delimiter))
    while ((await source.peek(2)) !== '--') {
      const part = { ...(await readHeaders(source)), body: source.until(delimiter) }
      yield part
      await drain(part.body)
    }
    await source.end()
  } finally {
    await chunks.return(undefined)
  }
}

async function readHeaders(source: Splitter): Promise<Omit<Part, 'body'>> {
  let headers = ''
  const decoder = new TextDecoder()
  for await (const chunk of source.until(HEADER_END)) {
    headers += decoder.decode(chunk, { stream: true })
    if (headers.length > MAX_HEADER_BYTES) throw new MultipartError('long headers')
  }
  const disposition =
    /^content-disposition:\s*form-data(?=[;\s])([^\r\n]*)/im.exec(headers)?.[1] ?? ''
  const { name, filename } = parametersOf(disposition)
  if (name === undefined) throw new MultipartError('a part without a name')
  return { name, filename }
}

/** A parameter of a header (RFC 2045, 5.1), its value in quotes or bare. */
const PARAMETER = /\s*;\s*([^\s;="]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;"]*))(?=\s*(?:;|$))/y

/**
 * The parameters, by their names in lower case, the first of each name. Read one after the other: what looks
 * like one inside quotes is none. What follows something that is no parameter is not looked at.
 */
function parametersOf(disposition: string): Record<string, string | undefined> {
  const found: Record<string, string | undefined> = {}
  PARAMETER.lastIndex = 0
  for (;;) {
    const [, name, quoted, plain] = PARAMETER.exec(disposition) ?? []
    if (name === undefined) return found
    found[name.toLowerCase()] ??= plain?.trim() ?? unescaped(quoted!)
  }
}

/** Clients escape quotes in one of two ways: by a backslash, or by percent signs as browsers do. */
function unescaped(quoted: string): string {
  return quoted
    .replace(/\\(["\\])/g, '$1')
    .replace(/%(22|0A|0D)/gi, (_, code) => String.fromCharCode(Number.parseInt(code, 16)))
}

async function drain(chunks: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of chunks);
}

/** A stream of bytes that is cut where certain bytes stand. */
class Splitter {
  private readonly chunks: AsyncGenerator<Uint8Array>
  /** The line break that every boundary has before it, and the first one may lack. */
  private rest: Uint8Array = bytesOf('\r\n')

  constructor(chunks: AsyncGenerator<Uint8Array>) {
    this.chunks = chunks
  }

  /** What stands before `needle`, which is then dropped. Throws where it does not come. */
  async *until(needle: Uint8Array): AsyncGenerator<Uint8Array> {
    for (;;) {
      const at = indexOf(this.rest, needle)
      const found = at + needle.length <= this.rest.length
      const before = this.rest.subarray(0, at)
      this.rest = this.rest.subarray(found ? at + needle.length : at)
      if (before.length > 0) yield before
      if (found) return
      await this.readMore()
    }
  }

  /** The next `count` bytes as text, left where they are. */
  async peek(count: number): Promise<string> {
    while (this.rest.length < count) await this.readMore()
    return new TextDecoder().decode(this.rest.subarray(0, count))
  }

  /** Drops all that is still to come. */
  async end(): Promise<void> {
    await drain(this.chunks)
  }

  private async readMore(): Promise<void> {
    // The next chunk may lie where this one lies.
    const kept = this.rest.slice()
    const { done, value } = await this.chunks.next()
    if (done) throw new MultipartError('the end is missing')
    this.rest = kept.length > 0 ? joined(kept, value) : value
  }
}

/** Where `needle` begins, or its first part at the very end; else the length. */
function indexOf(bytes: Uint8Array, needle: Uint8Array): number {
  const first = needle[0]!
  for (let at = bytes.indexOf(first); at >= 0; at = bytes.indexOf(first, at + 1)) {
    const end = Math.min(needle.length, bytes.length - at)
    let length = 1
    while (length < end && bytes[at + length] === needle[length]) length++
    if (length === end) return at
  }
  return bytes.length
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const both = new Uint8Array(first.length + second.length)
  both.set(first)
  both.set(second, first.length)
  return both
}
