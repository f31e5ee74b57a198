import { createDeepSeek } from '@ai-sdk/deepseek'
import { streamPlainAnswers } from './engine/plain-answers.ts'
import { chunksOf, openaiCompatible } from './openai-compatible.ts'
import type { Provider } from './provider.ts'

const OWN_ORIGIN = 'https://api.deepseek.com'

/** DeepSeek by its own API, or R1 on any OpenAI-compatible server such as Ollama. */
export const deepseek: Provider = (endpoint) => {
  const { key, url, fetch } = endpoint
  if (url !== undefined && new URL(url).origin !== OWN_ORIGIN) return openaiCompatible(endpoint)
  const own = createDeepSeek({ apiKey: key, fetch: streamPlainAnswers(fetch, chunksOf) })
  return { inlineBytes: 0, home: { origin: OWN_ORIGIN, fetch }, model: (name) => own(name) }
}
