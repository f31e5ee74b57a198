import { InvalidResponseDataError, type LanguageModelV4 } from '@ai-sdk/provider'
import { type FinishReason, type ModelMessage, streamText } from 'ai'
import type { AllowedHost } from '../drizzle/contract/host-list.ts'
import type { Usage } from '../drizzle/contract/http-api.ts'
import type { ClaimedTask } from '../drizzle/statements/claim-tasks-if-pending.ts'
import type { CallTimers } from './call-timers.ts'
import { downloadPictures } from './download-picture.ts'
import { imageTypeOf } from './image-type.ts'
import type { Service } from './providers/provider.ts'

export type Picture = { type: string; bytes: Uint8Array }

/** How a stream ended that did so in order. */
export type StreamEnd = {
  type: 'end'
  finishReason: FinishReason
  /** The service's own word. */
  raw: string | undefined
  isEventStream: boolean
  usage: Usage
  answeredBy: string
}

export type StreamedPart =
  | { type: 'text' | 'reasoning'; text: string }
  | { type: 'picture'; picture: Picture }
  | StreamEnd

type Call = {
  model: LanguageModelV4
  messages: ModelMessage[]
  task: ClaimedTask
  home: Service['home']
  pictureHosts: readonly AllowedHost[]
  signal: AbortSignal
  timers: CallTimers
}

/**
 * Streams what a model sends: no part is empty, `end` comes last. Throws what the SDK throws, a
 * ModelError where it takes too long, and the signal's own reason when it was aborted.
 */
export async function* streamAnswer(call: Call): AsyncGenerator<StreamedPart> {
  const { model, messages, task, home, pictureHosts, signal, timers } = call
  const leaving = new AbortController()
  const ending = AbortSignal.any([signal, timers.signal, leaving.signal])
  timers.asked()
  const { stream } = streamText({
    model,
    instructions: task.system ?? undefined,
    messages,
    temperature: task.temperature ?? undefined,
    maxOutputTokens: task.max_tokens ?? undefined,
    abortSignal: ending,
    experimental_download: downloadPictures(home, pictureHosts),
    // A repeat is a matter of the task protocol, which counts it.
    maxRetries: 0,
    // Errors come as parts of the stream; the default handler would print them, prompt and all.
    onError: () => {},
  })
  try {
    for await (const part of stream) {
      if (part.type === 'text-delta' || part.type === 'reasoning-delta') {
        if (part.text === '') continue
        timers.heard()
        yield { type: part.type === 'text-delta' ? 'text' : 'reasoning', text: part.text }
      } else if (part.type === 'file') {
        timers.heard()
        const bytes = part.file.uint8Array
        const type = imageTypeOf(bytes)
        if (type) yield { type: 'picture', picture: { type, bytes } }
      } else if (part.type === 'abort') throw ending.reason
      else if (part.type === 'error') {
        // So the SDK calls a stream without a finish reason; how it ended comes next.
        if (!InvalidResponseDataError.isInstance(part.error)) throw part.error
      } else if (part.type === 'finish-step') {
        const { usage, response } = part
        yield {
          type: 'end',
          finishReason: part.finishReason,
          raw: part.rawFinishReason,
          isEventStream: /^text\/event-stream/i.test(response.headers?.['content-type'] ?? ''),
          answeredBy: response.modelId,
          usage: {
            input_tokens: usage.inputTokens ?? null,
            output_tokens: usage.outputTokens ?? null,
            reasoning_tokens: usage.outputTokenDetails?.reasoningTokens ?? null,
            cached_tokens: usage.inputTokenDetails?.cacheReadTokens ?? null,
          },
        }
      }
    }
  } catch (error) {
    throw ending.aborted ? ending.reason : error
  } finally {
    timers.answered()
    // A caller that leaves early leaves the stream alone, and with it the connection.
    leaving.abort()
  }
}
