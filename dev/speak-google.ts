import { z } from 'zod'
import type { Wire } from './wire.ts'

const content = z.object({
  role: z.string().optional(),
  parts: z.array(z.object({ text: z.string().optional(), thought: z.boolean().optional() })),
})

const request = z.object({
  contents: z.array(content).min(1),
  systemInstruction: content.optional(),
  generationConfig: z
    .object({
      maxOutputTokens: z.number().optional(),
      thinkingConfig: z.object({ includeThoughts: z.boolean().optional() }).optional(),
    })
    .optional(),
})

/**
 * Google's generateContent and streamGenerateContent. Thoughts come only where they were asked for,
 * as with Google. Throws a ZodError for a body that is none.
 */
export function speakGoogle(model: string, stream: boolean, body: unknown): Wire {
  const { contents, systemInstruction, generationConfig } = request.parse(body)
  const chunk = (parts: object[], rest: object = {}, finish?: string) => ({
    candidates: [
      { content: { role: 'model', parts }, index: 0, ...(finish && { finishReason: finish }) },
    ],
    modelVersion: model,
    ...rest,
  })
  const reasonOf = (finish: string) => (finish === 'length' ? 'MAX_TOKENS' : 'STOP')
  return {
    model,
    stream,
    turns: [
      ...(systemInstruction ? [{ role: 'system' as const, text: textOf(systemInstruction) }] : []),
      ...contents.map((turn) => ({
        role: turn.role === 'model' ? ('model' as const) : ('user' as const),
        text: textOf(turn),
      })),
    ],
    maxTokens: generationConfig?.maxOutputTokens,
    reasons: generationConfig?.thinkingConfig?.includeThoughts === true,
    *deltas({ kind, text }) {
      yield chunk([kind === 'answer' ? { text } : { text, thought: true }])
    },
    *end({ finish, usage }) {
      yield chunk([{ text: '' }], { usageMetadata: usageOf(usage) }, reasonOf(finish))
    },
    whole({ reasoning, answer, finish, usage }) {
      const thought = reasoning ? [{ text: reasoning, thought: true }] : []
      const parts = [...thought, { text: answer }]
      return chunk(parts, { usageMetadata: usageOf(usage) }, reasonOf(finish))
    },
  }
}

function textOf({ parts }: z.output<typeof content>): string {
  return parts.map(({ text }) => text ?? '').join('')
}

function usageOf({ prompt, completion }: { prompt: number; completion: number }) {
  return {
    promptTokenCount: prompt,
    candidatesTokenCount: completion,
    totalTokenCount: prompt + completion,
  }
}
