import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import type { LanguageModelV4StreamPart } from '@ai-sdk/provider'
import { extractReasoningMiddleware, type LanguageModelMiddleware, wrapLanguageModel } from 'ai'
import type { Provider } from './provider.ts'

/**
 * Any server that speaks OpenAI's chat completions: Ollama, vLLM, LM Studio and others. Reasoning is
 * kept apart wherever it stands: `reasoning_content` and `reasoning` (read by the AI SDK),
 * `thinking`, or `<think>…</think>` inside the content.
 */
export const openaiCompatible: Provider = ({ url, key, fetch }) => {
  const provider = createOpenAICompatible({
    name: 'openai-compatible',
    baseURL: baseUrlOf(url ?? ''),
    apiKey: key,
    includeUsage: true,
    fetch,
  })
  return (model) =>
    wrapLanguageModel({
      model: provider(model),
      middleware: [extractReasoningMiddleware({ tagName: 'think' }), readThinkingField],
    })
}

/** The base to which the SDK adds `/chat/completions`: the given may be a host, a base, or all. */
export function baseUrlOf(url: string): string {
  const base = url.replace(/\/+$/, '').replace(/\/chat\/completions$/, '')
  return new URL(base).pathname === '/' ? `${base}/v1` : base
}

/** Some versions of Ollama put the reasoning into `delta.thinking`, which the SDK does not read. */
const readThinkingField: LanguageModelMiddleware = {
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
