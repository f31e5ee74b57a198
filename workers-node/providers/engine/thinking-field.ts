import type { LanguageModelV4StreamPart } from '@ai-sdk/provider'
import type { LanguageModelMiddleware } from 'ai'

/** Some versions of Ollama put the reasoning into `delta.thinking`, which the SDK does not read. */
export const readThinkingField: LanguageModelMiddleware = {
  specificationVersion: 'v4',
  transformParams: async ({ params }) => ({ ...params, includeRawChunks: true }),
  wrapStream: async ({ doStream }) => {
    const { stream, ...rest } = await doStream()
    const id = 'thinking'
    let open = false
    const transform = new TransformStream<LanguageModelV4StreamPart, LanguageModelV4StreamPart>({
      transform(part, controller) {
        if (part.type !== 'raw') {
          if (open && (part.type === 'text-start' || part.type === 'finish')) {
            controller.enqueue({ type: 'reasoning-end', id })
            open = false
          }
          controller.enqueue(part)
          return
        }
        const delta = thinkingOf(part.rawValue)
        if (!delta) return
        if (!open) controller.enqueue({ type: 'reasoning-start', id })
        open = true
        controller.enqueue({ type: 'reasoning-delta', id, delta })
      },
    })
    return { stream: stream.pipeThrough(transform), ...rest }
  },
}

function thinkingOf(chunk: unknown): string | undefined {
  const { choices } = (chunk ?? {}) as { choices?: { delta?: { thinking?: unknown } }[] }
  const thinking = Array.isArray(choices) ? choices[0]?.delta?.thinking : undefined
  return typeof thinking === 'string' ? thinking : undefined
}
