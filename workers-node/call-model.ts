import { InvalidResponseDataError, type LanguageModelV4 } from '@ai-sdk/provider'
import { type FinishReason, type ModelMessage, streamText } from 'ai'
import type { Usage } from '../drizzle/contract/http-api.ts'
import type { ClaimedTask } from '../drizzle/statements/claim-tasks-if-pending.ts'
import { type CallTimeouts, CallTimers } from './call-timers.ts'
import { brokeOff, invalidAnswer, ModelError, modelErrorOf, ofStatus } from './model-error.ts'

export type { CallTimeouts }

export type AnswerPart =
  | { type: 'text' | 'reasoning'; text: string }
  | { type: 'end'; finishReason: string; usage: Usage; answeredBy: string }

/**
 * Streams one answer: no part is empty, `end` comes last. Throws ModelError for what the service did
 * wrong, after the parts that came all the same: also where the answer is complete and no good, as
 * empty, cut off or withheld. Throws the signal's own reason when it was aborted.
 */
export async function* callModel(
  model: LanguageModelV4,
  task: ClaimedTask,
  { signal, timeouts }: { signal: AbortSignal; timeouts: CallTimeouts },
): AsyncGenerator<AnswerPart> {
  const timers = new CallTimers(timeouts)
  const leaving = new AbortController()
  const ending = AbortSignal.any([signal, timers.signal, leaving.signal])
  const { stream } = streamText({
    model,
    instructions: task.system ?? undefined,
    messages: messagesOf(task),
    temperature: task.temperature ?? undefined,
    maxOutputTokens: task.max_tokens ?? undefined,
    abortSignal: ending,
    // A repeat is a matter of the task protocol, which counts it.
    maxRetries: 0,
    // Errors come as parts of the stream; the default handler would print them, prompt and all.
    onError: () => {},
  })
  let hasText = false
  let verdict: ModelError | undefined = brokeOff()
  try {
    for await (const part of stream) {
      if (part.type === 'text-delta' || part.type === 'reasoning-delta') {
        if (part.text === '') continue
        timers.heard()
        const type = part.type === 'text-delta' ? 'text' : 'reasoning'
        hasText ||= type === 'text' && part.text.trim() !== ''
        yield { type, text: part.text }
      } else if (part.type === 'abort') throw ending.reason
      else if (part.type === 'error') {
        // So the SDK calls a stream without a finish reason; how it ended comes next.
        if (!InvalidResponseDataError.isInstance(part.error)) throw part.error
      } else if (part.type === 'finish-step') {
        verdict = verdictOn({
          finishReason: part.finishReason,
          raw: part.rawFinishReason,
          hasText,
          isEventStream: /^text\/event-stream/i.test(part.response.headers?.['content-type'] ?? ''),
          limited: task.max_tokens !== null,
        })
        yield {
          type: 'end',
          finishReason: part.finishReason,
          answeredBy: part.response.modelId,
          usage: {
            input_tokens: part.usage.inputTokens ?? null,
            output_tokens: part.usage.outputTokens ?? null,
            reasoning_tokens: part.usage.outputTokenDetails?.reasoningTokens ?? null,
            cached_tokens: part.usage.inputTokenDetails?.cacheReadTokens ?? null,
          },
        }
      }
    }
  } catch (error) {
    throw ending.aborted ? ending.reason : modelErrorOf(error)
  } finally {
    timers.clear()
    // A caller that leaves early leaves the stream alone, and with it the connection.
    leaving.abort()
  }
  if (verdict) throw verdict
}

type Ending = {
  finishReason: FinishReason
  /** The service's own word. */
  raw: string | undefined
  hasText: boolean
  isEventStream: boolean
  /** Whether the user set a limit of tokens. */
  limited: boolean
}

/** What is wrong with an answer whose stream has ended in order, if anything. */
function verdictOn(ending: Ending): ModelError | undefined {
  const { finishReason, raw, hasText, isEventStream, limited } = ending
  if (!raw) {
    if (hasText) return new ModelError({ code: 'truncated', retryable: true, node: 'fault' })
    return isEventStream ? brokeOff() : invalidAnswer()
  }
  if (finishReason === 'content-filter') return new ModelError({ code: 'content_filtered' })
  if (finishReason === 'error' || BROKEN_AT_THE_SERVICE.has(raw)) return ofStatus(500)
  if (finishReason === 'length' && !limited) return new ModelError({ code: 'truncated' })
  return hasText ? undefined : new ModelError({ code: 'empty_response' })
}

/** Finish reasons of OpenAI's shape that no provider of the SDK knows: DeepSeek's, OpenRouter's. */
const BROKEN_AT_THE_SERVICE = new Set(['insufficient_system_resource', 'error'])

function messagesOf({ history, prompt }: ClaimedTask): ModelMessage[] {
  return [
    ...history.flatMap((turn): ModelMessage[] => [
      { role: 'user', content: turn.prompt },
      { role: 'assistant', content: turn.answer },
    ]),
    { role: 'user', content: prompt },
  ]
}
