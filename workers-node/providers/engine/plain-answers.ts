type Fetch = typeof globalThis.fetch

/**
 * A `fetch` for services that may answer with one JSON body where a stream was asked for: it comes out
 * as a stream of events. `chunksOf` makes the chunks of a stream from such a body. Blank lines before
 * it, which DeepSeek sends to keep a connection alive, do no harm.
 */
export const streamPlainAnswers =
  (fetch: Fetch, chunksOf: (body: unknown) => unknown[]): Fetch =>
  async (input, init) => {
    const response = await fetch(input, init)
    const type = response.headers.get('content-type') ?? ''
    if (response.status !== 200 || !response.body || !/^application\/json\b/i.test(type)) {
      return response
    }
    const whole = new TransformStream<string, string>(events(chunksOf))
    const body = response.body
      .pipeThrough(new TextDecoderStream() as TransformStream<Uint8Array<ArrayBuffer>, string>)
      .pipeThrough(whole)
      .pipeThrough(new TextEncoderStream())
    return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
  }

/** Gathers a body, and writes it as server-sent events; as it stands where it is not JSON. */
function events(chunksOf: (body: unknown) => unknown[]): Transformer<string, string> {
  let text = ''
  return {
    transform(part) {
      text += part
    },
    flush(controller) {
      for (const chunk of chunksOf(parsed(text))) {
        controller.enqueue(`data: ${JSON.stringify(chunk)}\n\n`)
      }
    },
  }
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return null
  }
}
