import { AISDKError, APICallError, type LanguageModelV4 } from '@ai-sdk/provider'
import { type ModelMessage, streamText } from 'ai'
import type { Usage } from '../drizzle/contract/http-api.ts'
import type { TaskErrorCode } from '../drizzle/contract/task-error-code.ts'
import type { ClaimedTask } from '../drizzle/statements/claim-tasks-if-pending.ts'

export type AnswerPart =
  | { type: 'text' | 'reasoning'; text: string }
  | { type: 'end'; finishReason: string; usage: Usage; answeredBy: string }

/** A call to a model that failed; the service's own words stay out of it. */
export class ModelError extends Error {
  override name = 'ModelError'
  readonly code: TaskErrorCode

  constructor(code: TaskErrorCode) {
    super(code)
    this.code = code
  }
}

/**
 * Streams one answer. Throws ModelError for what the service did wrong, and the signal's own reason
 * when it was aborted.
 */
export async function* callModel(
  model: LanguageModelV4,
  task: ClaimedTask,
  abortSignal: AbortSignal,
): AsyncGenerator<AnswerPart> {
  const leaving = new AbortController()
  const { stream } = streamText({
    model,
    instructions: task.system ?? undefined,
    messages: messagesOf(task),
    temperature: task.temperature ?? undefined,
    maxOutputTokens: task.max_tokens ?? undefined,
    abortSignal: AbortSignal.any([abortSignal, leaving.signal]),
    // A repeat is a matter of the task protocol, which counts it.
    maxRetries: 0,
    // Errors come as parts of the stream; the default handler would print them, prompt and all.
    onError: () => {},
  })
  try {
    for await (const part of stream) {
      if (part.type === 'text-delta') yield { type: 'text', text: part.text }
      else if (part.type === 'reasoning-delta') yield { type: 'reasoning', text: part.text }
      else if (part.type === 'abort') throw abortSignal.reason
      else if (part.type === 'error') throw part.error
      else if (part.type === 'finish-step') {
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
    throw abortSignal.aborted ? abortSignal.reason : modelErrorOf(error)
  } finally {
    // A caller that leaves early leaves the stream alone, and with it the connection.
    leaving.abort()
  }
}

function messagesOf({ history, prompt }: ClaimedTask): ModelMessage[] {
  return [
    ...history.flatMap((turn): ModelMessage[] => [
      { role: 'user', content: turn.prompt },
      { role: 'assistant', content: turn.answer },
    ]),
    { role: 'user', content: prompt },
  ]
}

/** What the service did wrong; an error that is not of its making is returned as it is. */
function modelErrorOf(error: unknown): unknown {
  const status = APICallError.isInstance(error) ? error.statusCode : undefined
  if (status !== undefined && status >= 400) return new ModelError(codeOfStatus(status))
  if (APICallError.isInstance(error) && status === undefined) {
    return new ModelError('model_unreachable')
  }
  if (isNetworkFault(error)) return new ModelError('model_broke_off')
  return AISDKError.isInstance(error) ? new ModelError('model_answer_invalid') : error
}

/** undici's codes and the system's, wherever in the chain of causes they stand. */
function isNetworkFault(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) {
    const { code } = at as { code?: unknown }
    if (typeof code === 'string' && /^(UND_ERR_|E[A-Z]+$)/.test(code)) return true
    if (at.message === 'terminated') return true
  }
  return false
}

function codeOfStatus(status: number): TaskErrorCode {
  if (status === 401 || status === 403) return 'model_refused_credentials'
  if (status === 404) return 'model_not_found'
  if (status === 408) return 'model_timeout'
  if (status === 429) return 'model_overloaded'
  return status >= 500 ? 'model_unavailable' : 'model_rejected_request'
}
