import { createDeepSeek } from '@ai-sdk/deepseek'
import { openaiCompatible } from './openai-compatible.ts'
import type { Provider } from './provider.ts'

const OWN_HOST = 'api.deepseek.com'

/** DeepSeek by its own API, or R1 on any OpenAI-compatible server such as Ollama. */
export const deepseek: Provider = (endpoint) => {
  const { key, url, fetch } = endpoint
  if (url !== undefined && new URL(url).hostname !== OWN_HOST) return openaiCompatible(endpoint)
  const own = createDeepSeek({ apiKey: key, fetch })
  return (model) => own(model)
}
