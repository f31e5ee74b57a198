import { createGoogleGenerativeAI } from '@ai-sdk/google'
import { openaiCompatible } from './openai-compatible.ts'
import type { Provider } from './provider.ts'

/** Gemini by Google's own API where there is a key, else by an OpenAI-compatible service. */
export const gemini: Provider = (endpoint) => {
  const { key, url, fetch } = endpoint
  if (key === undefined) return openaiCompatible(endpoint)
  const google = createGoogleGenerativeAI({
    apiKey: key,
    ...(url && { baseURL: googleBase(url) }),
    fetch,
  })
  return (model) => google(model)
}

/** The SDK wants the version in the base; a bare host is given the current one. */
function googleBase(url: string): string {
  const base = url.replace(/\/+$/, '')
  return new URL(base).pathname === '/' ? `${base}/v1beta` : base
}
