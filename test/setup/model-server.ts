import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { GOOGLE } from './google-shape.ts'
import { takeUpload, type Uploaded } from './model-uploads.ts'
import type { ModelRequest, Shape, Step } from './model-wire.ts'
import { OPENAI } from './openai-shape.ts'

export type { ModelRequest, Step }

/** A streamed answer, one that is not (a text goes out as it stands), or no HTTP response at all. */
export type Answer =
  | Step[]
  | { status: number; body: unknown; headers?: Record<string, string> }
  | 'silence'
  | 'reset'

export type ModelServer = {
  url: string
  requests: ModelRequest[]
  /** The files that it was given, oldest first. */
  uploads: Uploaded[]
  /** What it gives for a GET, or in place of what it would say, by path: a body, or how to answer. */
  gives: Map<string, Buffer | ((response: ServerResponse) => void)>
  /** Decides every answer from now on. */
  answer(decide: (request: ModelRequest) => Answer | Promise<Answer>): void
  close(): Promise<void>
}

/**
 * A real HTTP server in the shapes of OpenAI's and Google's APIs, whose answers a test decides; it
 * takes files as they do, too.
 */
export async function startModelServer(): Promise<ModelServer> {
  const requests: ModelRequest[] = []
  const uploads: Uploaded[] = []
  const gives: ModelServer['gives'] = new Map()
  let decide: (request: ModelRequest) => Answer | Promise<Answer> = ({ model }) => [
    { text: `I am ${model}.` },
  ]

  const server = createServer(async (incoming, response) => {
    const path = incoming.url?.split('?', 1)[0] ?? ''
    if (incoming.method === 'GET') return give(gives.get(path), response)
    const bytes = await bytesOf(incoming)
    if (gives.has(path)) return give(gives.get(path), response)
    if (await takeUpload(incoming, bytes, response, uploads)) return
    const body = JSON.parse(bytes.toString()) as Record<string, unknown>
    const google = incoming.url?.match(/^\/v1beta\/models\/(.+):streamGenerateContent/)
    const shape = google ? GOOGLE : OPENAI
    const request = { ...shape.requestOf(body, google?.[1] ?? ''), body } as ModelRequest
    request.headers = incoming.headers
    request.gone = new Promise((resolve) => {
      response.on('close', () => {
        if (!response.writableFinished) resolve()
      })
    })
    requests.push(request)
    const answer = await decide(request)
    if (answer === 'silence') return
    if (answer === 'reset') return void incoming.socket.resetAndDestroy()
    if (!Array.isArray(answer)) {
      const { status, body, headers } = answer
      response.writeHead(status, { 'content-type': 'application/json', ...headers })
      response.end(typeof body === 'string' ? body : JSON.stringify(body))
      return
    }
    await stream(response, answer, shape, request.model)
  })
  // A connection that it closes while it is stalled would break off the call that is just being sent.
  server.keepAliveTimeout = 120_000
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    uploads,
    gives,
    answer(given) {
      decide = given
    },
    close() {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}

function give(
  given: Buffer | ((response: ServerResponse) => void) | undefined,
  response: ServerResponse,
) {
  if (typeof given === 'function') return given(response)
  response.writeHead(given ? 200 : 404, { 'content-type': 'application/octet-stream' }).end(given)
}

async function stream(
  response: ServerResponse,
  steps: Step[],
  { chunkOf, last }: Shape,
  model: string,
): Promise<void> {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  response.flushHeaders()
  const finished = steps.some((step) => 'finish' in step)
  for (const step of finished ? steps : [...steps, { finish: 'stop' }]) {
    if ('comment' in step) await keepAlive(response, step)
    else if ('until' in step) await step.until
    else if ('raw' in step) response.write(step.raw)
    else if ('cut' in step) return void response.end()
    else if ('reset' in step) {
      if (step.reset === 'tcp') response.socket?.resetAndDestroy()
      else response.destroy()
      return
    } else {
      const event = 'event' in step ? step.event : chunkOf(step, model)
      response.write(`data: ${JSON.stringify(event)}\n\n`)
    }
  }
  response.end(last)
}

async function keepAlive(
  response: ServerResponse,
  { comment, everyMs, until }: { comment: string; everyMs: number; until: Promise<unknown> },
): Promise<void> {
  const timer = setInterval(() => response.write(`: ${comment}\n\n`), everyMs)
  await Promise.race([until, once(response, 'close')])
  clearInterval(timer)
}

async function bytesOf(incoming: IncomingMessage): Promise<Buffer<ArrayBuffer>> {
  const chunks: Buffer[] = []
  for await (const chunk of incoming) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}
