import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What the server does next in an answer. */
export type Step =
  | { text: string }
  /** In the field of this name: `reasoning_content`, `reasoning` or `thinking` (OpenAI's shape). */
  | { reasoning: string; field?: string }
  | { until: Promise<unknown> }
  /** A comment, again and again, as servers send to keep a connection alive. */
  | { comment: string; everyMs: number; until: Promise<unknown> }
  /** An event that holds this. */
  | { event: unknown }
  /** These very characters. */
  | { raw: string }
  /** Breaks the connection off: by an end that comes too soon, or by a TCP reset. */
  | { reset: true | 'tcp' }
  /** Ends the response in order, but the answer not at all. */
  | { cut: true }
  /** Ends the answer; without it the answer ends with `stop` after the last step. */
  | { finish: string }

/** A call as it reached the server. */
export type ModelRequest = {
  model: string
  system: string | undefined
  messages: { role: string; text: string }[]
  temperature: number | undefined
  maxTokens: number | undefined
  headers: IncomingMessage['headers']
  /** Resolves when the caller has gone before the answer was complete. */
  gone: Promise<void>
}

/** A streamed answer, one that is not (a text goes out as it stands), or no HTTP response at all. */
export type Answer =
  | Step[]
  | { status: number; body: unknown; headers?: Record<string, string> }
  | 'silence'
  | 'reset'

export type ModelServer = {
  url: string
  requests: ModelRequest[]
  /** Decides every answer from now on. */
  answer(decide: (request: ModelRequest) => Answer): void
  close(): Promise<void>
}

/**
 * A real HTTP server in the shapes of OpenAI's chat completions and Google's generateContent, both
 * streamed, whose answers a test decides. Shapes: platform.openai.com/docs/api-reference/chat and
 * ai.google.dev/api/generate-content.
 */
export async function startModelServer(): Promise<ModelServer> {
  const requests: ModelRequest[] = []
  let decide: (request: ModelRequest) => Answer = ({ model }) => [{ text: `I am ${model}.` }]

  const server = createServer(async (incoming, response) => {
    // A worker that asks whether anybody is there.
    if (incoming.method === 'GET') return void response.writeHead(404).end()
    const body = JSON.parse(await textOf(incoming))
    const google = incoming.url?.match(/^\/v1beta\/models\/(.+):streamGenerateContent/)
    const request = {
      ...(google ? fromGoogle(google[1]!, body) : fromOpenAi(body)),
    } as ModelRequest
    request.headers = incoming.headers
    request.gone = new Promise((resolve) => {
      response.on('close', () => {
        if (!response.writableFinished) resolve()
      })
    })
    requests.push(request)
    const answer = decide(request)
    if (answer === 'silence') return
    if (answer === 'reset') return void incoming.socket.resetAndDestroy()
    if (!Array.isArray(answer)) {
      const { status, body, headers } = answer
      response.writeHead(status, { 'content-type': 'application/json', ...headers })
      response.end(typeof body === 'string' ? body : JSON.stringify(body))
      return
    }
    await stream(response, answer, google ? googleChunk : openAiChunk, request.model, !google)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    answer(given) {
      decide = given
    },
    close() {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}

async function stream(
  response: ServerResponse,
  steps: Step[],
  chunkOf: (step: Step, model: string) => unknown,
  model: string,
  openAi: boolean,
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
  response.end(openAi ? 'data: [DONE]\n\n' : '')
}

async function keepAlive(
  response: ServerResponse,
  { comment, everyMs, until }: { comment: string; everyMs: number; until: Promise<unknown> },
): Promise<void> {
  const timer = setInterval(() => response.write(`: ${comment}\n\n`), everyMs)
  await Promise.race([until, once(response, 'close')])
  clearInterval(timer)
}

function openAiChunk(step: Step, model: string): unknown {
  const delta =
    'text' in step
      ? { content: step.text }
      : 'reasoning' in step
        ? { [step.field ?? 'reasoning_content']: step.reasoning }
        : {}
  return {
    id: 'chatcmpl-1',
    object: 'chat.completion.chunk',
    created: 1,
    model,
    choices: [{ index: 0, delta, finish_reason: 'finish' in step ? step.finish : null }],
    ...('finish' in step && {
      usage: {
        prompt_tokens: 11,
        completion_tokens: 7,
        total_tokens: 18,
        completion_tokens_details: { reasoning_tokens: 3 },
        prompt_tokens_details: { cached_tokens: 5 },
      },
    }),
  }
}

function googleChunk(step: Step, model: string): unknown {
  const parts =
    'text' in step
      ? [{ text: step.text }]
      : 'reasoning' in step
        ? [{ text: step.reasoning, thought: true }]
        : []
  return {
    candidates: [
      {
        index: 0,
        content: { role: 'model', parts },
        ...('finish' in step && { finishReason: step.finish === 'stop' ? 'STOP' : step.finish }),
      },
    ],
    modelVersion: model,
    usageMetadata: { promptTokenCount: 11, candidatesTokenCount: 7, totalTokenCount: 18 },
  }
}

type Content = string | { text?: string }[]
const textIn = (content: Content) =>
  typeof content === 'string' ? content : content.map(({ text }) => text ?? '').join('')

function fromOpenAi(body: {
  model: string
  messages: { role: string; content: Content }[]
  temperature?: number
  max_tokens?: number
}): Partial<ModelRequest> {
  const system = body.messages.find(({ role }) => role === 'system')
  return {
    model: body.model,
    system: system && textIn(system.content),
    messages: body.messages
      .filter(({ role }) => role !== 'system')
      .map(({ role, content }) => ({ role, text: textIn(content) })),
    temperature: body.temperature,
    maxTokens: body.max_tokens,
  }
}

function fromGoogle(
  model: string,
  body: {
    contents: { role: string; parts: { text?: string }[] }[]
    systemInstruction?: { parts: { text?: string }[] }
    generationConfig?: { temperature?: number; maxOutputTokens?: number }
  },
): Partial<ModelRequest> {
  return {
    model,
    system: body.systemInstruction && textIn(body.systemInstruction.parts),
    messages: body.contents.map(({ role, parts }) => ({
      role: role === 'model' ? 'assistant' : role,
      text: textIn(parts),
    })),
    temperature: body.generationConfig?.temperature,
    maxTokens: body.generationConfig?.maxOutputTokens,
  }
}

async function textOf(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of incoming) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}
