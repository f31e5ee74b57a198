import type { Content, Shape, Step } from './model-wire.ts'

/**
 * OpenAI's chat completions as a stream: platform.openai.com/docs/api-reference/chat-streaming. The
 * pictures are as OpenRouter sends them: openrouter.ai/docs/features/multimodal/image-generation.
 */
export const OPENAI: Shape = {
  chunkOf(step, model) {
    const finish = 'finish' in step ? step.finish : null
    return {
      id: 'chatcmpl-1',
      object: 'chat.completion.chunk',
      created: 1,
      model,
      choices: [{ index: 0, delta: deltaOf(step), finish_reason: finish }],
      ...(finish !== null && {
        usage: {
          prompt_tokens: 11,
          completion_tokens: 7,
          total_tokens: 18,
          completion_tokens_details: { reasoning_tokens: 3 },
          prompt_tokens_details: { cached_tokens: 5 },
        },
      }),
    }
  },

  last: 'data: [DONE]\n\n',

  requestOf(body: {
    model: string
    messages: { role: string; content: Content }[]
    temperature?: number
    max_tokens?: number
  }) {
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
  },
}

function deltaOf(step: Step): object {
  if ('text' in step) return { content: step.text }
  if ('reasoning' in step) return { [step.field ?? 'reasoning_content']: step.reasoning }
  if (!('picture' in step)) return {}
  const url = `data:image/png;base64,${step.picture.toString('base64')}`
  return { content: '', images: [{ type: 'image_url', image_url: { url } }] }
}

function textIn(content: Content): string {
  if (typeof content === 'string') return content
  return content.map(({ text }) => text ?? '').join('')
}
