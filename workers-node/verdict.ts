import type { Mode, ModelFamily } from '../drizzle/contract/models.ts'
import { brokeOff, invalidAnswer, ModelError, ofStatus } from './model-error.ts'
import { isSoftRefusal } from './soft-refusal.ts'
import type { StreamEnd } from './stream-answer.ts'

export type Said = {
  text: string
  hasPicture: boolean
  mode: Mode
  /** Whether the user set a limit of tokens. */
  limited: boolean
}

/** What is wrong with an answer whose stream has ended in order, if anything. */
export function verdictOn(
  { finishReason, raw, isEventStream }: StreamEnd,
  { text, hasPicture, mode, limited }: Said,
  { refusals, retriesRefusals }: Pick<ModelFamily, 'refusals' | 'retriesRefusals'>,
): ModelError | undefined {
  const hasText = text.trim() !== ''
  if (!raw) {
    if (hasText) return new ModelError({ code: 'truncated', retryable: true, node: 'fault' })
    return isEventStream ? brokeOff() : invalidAnswer()
  }
  if (finishReason === 'content-filter') return new ModelError({ code: 'content_filtered' })
  if (finishReason === 'error' || BROKEN_AT_THE_SERVICE.has(raw)) return ofStatus(500)
  if (finishReason === 'length' && !limited) return new ModelError({ code: 'truncated' })
  if (isSoftRefusal({ text, mode, hasPicture }, refusals)) {
    return new ModelError({ code: 'soft_refusal', retryable: retriesRefusals })
  }
  if (mode === 'image' && !hasPicture) return new ModelError({ code: 'no_image_returned' })
  return hasText || hasPicture ? undefined : new ModelError({ code: 'empty_response' })
}

/** Finish reasons of OpenAI's shape that no provider of the SDK knows: DeepSeek's, OpenRouter's. */
const BROKEN_AT_THE_SERVICE = new Set(['insufficient_system_resource', 'error'])
