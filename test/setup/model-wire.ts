import type { IncomingMessage } from 'node:http'

/** What the server does next in an answer. */
export type Step =
  | { text: string }
  /** In the field of this name: `reasoning_content`, `reasoning` or `thinking` (OpenAI's shape). */
  | { reasoning: string; field?: string }
  /** A PNG. */
  | { picture: Buffer }
  | { until: Promise<unknown> }
  /** A comment, again and again, as servers send to keep a connection alive. */
  | { comment: string; everyMs: number; until: Promise<unknown> }
  /** An event that holds this. */
  | { event: unknown }
  /** These very characters, or bytes. */
  | { raw: string | Uint8Array }
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
  /** All of it, as it was sent. */
  body: Record<string, unknown>
  headers: IncomingMessage['headers']
  /** Resolves when the caller has gone before the answer was complete. */
  gone: Promise<void>
}

/** How one vendor's API looks on the wire. */
export type Shape = {
  chunkOf(step: Step, model: string): unknown
  /** What follows the last chunk. */
  last: string
  // biome-ignore lint/suspicious/noExplicitAny: each shape says what its own bodies are.
  requestOf(body: any, model: string): Partial<ModelRequest>
}

export type Content = string | { text?: string }[]
