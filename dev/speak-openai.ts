import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import type { Wire } from './wire.ts'

const content = z.union([
  z.string(),
  z.null(),
  z.array(z.object({ type: z.string(), text: z.string().optional() })),
])

const request = z.object({
  model: z.string(),
  messages: z.array(z.object({ role: z.string(), content: content.optional() })).min(1),
  stream: z.boolean().optional(),
  stream_options: z.object({ include_usage: z.boolean().optional() }).nullish(),
  max_tokens: z.number().nullish(),
  max_completion_tokens: z.number().nullish(),
})

const ROLES: Record<string, 'system' | 'user' | 'model'> = {
  system: 'system',
  developer: 'system',
  assistant: 'model',
}

/**
 * OpenAI's chat completions. Reasoning goes where each family puts it: `reasoning_content` for names
 * that begin with deepseek, `<think>…</think>` in the content for qwen, nowhere for others. Throws a
 * ZodError for a body that is none.
 */
export function speakOpenAi(body: unknown): Wire {
  const { model, messages, stream = false, ...rest } = request.parse(body)
  const about = { id: `chatcmpl-${randomUUID()}`, created: Math.floor(Date.now() / 1000), model }
  const chunk = (delta: object, finish: string | null = null) => ({
    ...about,
    object: 'chat.completion.chunk',
    choices: [{ index: 0, delta, finish_reason: finish }],
  })
  const family = /^(deepseek|qwen)/i.exec(model)?.[0].toLowerCase()
  return {
    model,
    stream,
    turns: messages.map(({ role, content }) => ({
      role: ROLES[role] ?? 'user',
      text: textOf(content),
    })),
    maxTokens: rest.max_completion_tokens ?? rest.max_tokens ?? undefined,
    reasons: family !== undefined,
    *deltas({ kind, text, first, last }) {
      if (kind === 'answer') yield chunk({ content: text })
      else if (family === 'deepseek') yield chunk({ reasoning_content: text })
      else yield chunk({ content: `${first ? '<think>' : ''}${text}${last ? '</think>\n\n' : ''}` })
    },
    *end({ finish, usage }) {
      yield chunk({}, finish)
      if (rest.stream_options?.include_usage) {
        yield { ...about, object: 'chat.completion.chunk', choices: [], usage: usageOf(usage) }
      }
      yield '[DONE]'
    },
    whole({ reasoning, answer, finish, usage }) {
      const message =
        family === 'deepseek'
          ? { role: 'assistant', content: answer, reasoning_content: reasoning }
          : {
              role: 'assistant',
              content: reasoning ? `<think>${reasoning}</think>\n\n${answer}` : answer,
            }
      return {
        ...about,
        object: 'chat.completion',
        choices: [{ index: 0, message, finish_reason: finish }],
        usage: usageOf(usage),
      }
    },
  }
}

function textOf(content: z.output<typeof request>['messages'][number]['content']): string {
  if (typeof content === 'string') return content
  return (content ?? []).map(({ text }) => text ?? '').join('')
}

function usageOf({ prompt, completion }: { prompt: number; completion: number }) {
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
  }
}
