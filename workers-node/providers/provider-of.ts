import type { ModelFamily } from '../../drizzle/contract/models.ts'
import { deepseek } from './deepseek.ts'
import { gemini } from './gemini.ts'
import { openaiCompatible } from './openai-compatible.ts'
import type { Provider } from './provider.ts'

/** Every provider, by the name that the model registry calls it. */
const PROVIDERS: Record<ModelFamily['provider'], Provider> = {
  gemini,
  deepseek,
  'openai-compatible': (endpoint) => openaiCompatible(endpoint),
}

export function providerOf(family: ModelFamily): Provider {
  return PROVIDERS[family.provider]
}
