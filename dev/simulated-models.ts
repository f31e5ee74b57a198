import type { IncomingMessage, ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { MODEL_FAMILIES } from '../drizzle/contract/models.ts'
import { listen, sendJson } from './listen.ts'
import { readBody } from './read-body.ts'
import { simulatedAnswer } from './simulated-answer.ts'
import { speakGoogle } from './speak-google.ts'
import { speakOpenAi } from './speak-openai.ts'
import type { Finish, Piece, Wire } from './wire.ts'

const BODY_LIMIT = 32 * 1024 * 1024

type Options = {
  host?: string
  port?: number
  /** How long each word takes, in ms; 60 by default, which makes an answer of a few seconds. */
  wordMs?: number
}

/**
 * A server of models that are none: it speaks OpenAI's chat completions and Google's generateContent
 * (below any path), streamed or not, and says in every answer that it is simulated. `url` has no path.
 * Rejects when the port is taken.
 */
export async function startSimulatedModels({
  host = '127.0.0.1',
  port = 0,
  wordMs = 60,
}: Options = {}): Promise<{ url: string; close(): Promise<void> }> {
  const stopping = new AbortController()

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url?.split('?')[0] ?? ''
    if (request.method === 'GET' && path.endsWith('/models')) return sendJson(response, 200, LIST)
    const google = /\/models\/([^/]+):(generateContent|streamGenerateContent)$/.exec(path)
    const openAi = path.endsWith('/chat/completions')
    if (request.method !== 'POST' || (!google && !openAi)) {
      return refuse(response, 404, 'no such route')
    }
    let wire: Wire
    try {
      const body = JSON.parse((await readBody(request, BODY_LIMIT)) ?? '')
      wire = google
        ? speakGoogle(decodeURIComponent(google[1]!), google[2] === 'streamGenerateContent', body)
        : speakOpenAi(body)
    } catch {
      return refuse(response, 400, 'the body is not a request of this API')
    }
    await write(wire, response, wordMs, stopping.signal)
  }
  const server = await listen(answer, host, port)
  return {
    url: server.url,
    close() {
      stopping.abort()
      return server.close()
    },
  }
}

const LIST = {
  object: 'list',
  data: MODEL_FAMILIES.flatMap(({ models, ownedBy }) =>
    models.map((id) => ({ id, object: 'model', created: 0, owned_by: ownedBy })),
  ),
}

async function write(wire: Wire, response: ServerResponse, wordMs: number, stopping: AbortSignal) {
  const { reasoning, answer, promptTokens } = simulatedAnswer(wire.model, wire.turns)
  const said = answer.slice(0, wire.maxTokens)
  const pieces = [
    ...(wire.reasons ? toPieces('reasoning', reasoning) : []),
    ...toPieces('answer', said),
  ]
  const finish: Finish = said.length < answer.length ? 'length' : 'stop'
  const usage = { prompt: promptTokens, completion: pieces.length }
  // A client that has gone, or a server that stops, ends the writing.
  const gone = new AbortController()
  response.once('close', () => gone.abort())
  const signal = AbortSignal.any([gone.signal, stopping])
  const event = (data: object | string) =>
    response.write(`data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`)
  try {
    if (!wire.stream) {
      await sleep(wordMs * pieces.length, undefined, { signal })
      const text = wire.reasons ? reasoning.join('') : ''
      return sendJson(
        response,
        200,
        wire.whole({ reasoning: text, answer: said.join(''), finish, usage }),
      )
    }
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
    for (const piece of pieces) {
      await sleep(wordMs, undefined, { signal })
      for (const delta of wire.deltas(piece)) event(delta)
    }
    for (const last of wire.end({ finish, usage })) event(last)
    response.end()
  } catch (error) {
    if (!signal.aborted) throw error
    response.destroy()
  }
}

function toPieces(kind: Piece['kind'], texts: readonly string[]): Piece[] {
  return texts.map((text, i) => ({ kind, text, first: i === 0, last: i === texts.length - 1 }))
}

function refuse(response: ServerResponse, status: number, message: string): void {
  sendJson(response, status, { error: { code: status, message, type: 'invalid_request_error' } })
}
