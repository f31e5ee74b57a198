import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { defaultSettingsMiddleware, extractReasoningMiddleware, wrapLanguageModel } from 'ai'
import { readPictures } from './engine/pictures.ts'
import { streamPlainAnswers } from './engine/plain-answers.ts'
import { readThinkingField } from './engine/thinking-field.ts'
import type { ProviderEndpoint, Service } from './provider.ts'

const INLINE_BYTES = 20 * 1024 * 1024

/** OpenRouter's way to ask for them, which others follow or do not mind. */
const ASK_FOR_PICTURES = defaultSettingsMiddleware({
  settings: { providerOptions: { openaiCompatible: { modalities: ['image', 'text'] } } },
})

type Body = Record<string, unknown>

/**
 * Any server that speaks OpenAI's chat completions: Ollama, vLLM, LM Studio and others. Reasoning is
 * kept apart wherever it stands: `reasoning_content` and `reasoning` (read by the AI SDK),
 * `thinking`, or `<think>…</think>` inside the content. `adapt` has the last word on each request.
 */
export function openaiCompatible(
  { url = '', key, fetch }: ProviderEndpoint,
  adapt: (body: Body) => Body = (body) => body,
): Service {
  const baseURL = baseUrlOf(url)
  const provider = createOpenAICompatible({
    name: 'openai-compatible',
    baseURL,
    apiKey: key,
    includeUsage: true,
    fetch: streamPlainAnswers(fetch, chunksOf),
    transformRequestBody: adapt,
  })
  return {
    inlineBytes: INLINE_BYTES,
    home: { origin: new URL(baseURL).origin, fetch },
    model: (name, { mode }) =>
      wrapLanguageModel({
        model: provider(name),
        middleware: [
          extractReasoningMiddleware({ tagName: 'think' }),
          readThinkingField,
          ...(mode === 'image' ? [ASK_FOR_PICTURES, readPictures(baseURL)] : []),
        ],
      }),
  }
}

/** The base to which the SDK adds `/chat/completions`: the given may be a host, a base, or all. */
export function baseUrlOf(url: string): string {
  const base = url.replace(/\/+$/, '').replace(/\/chat\/completions$/, '')
  return new URL(base).pathname === '/' ? `${base}/v1` : base
}

/** A whole answer as the one chunk of a stream: what is a `message` there is a `delta` here. */
export function chunksOf(body: unknown): unknown[] {
  const { choices, ...rest } = (body ?? {}) as { choices?: unknown }
  if (!Array.isArray(choices)) return [body]
  const deltas = (choices as ({ message?: unknown } | null)[]).map((choice) => ({
    ...choice,
    delta: choice?.message ?? {},
  }))
  return [{ ...rest, object: 'chat.completion.chunk', choices: deltas }]
}
