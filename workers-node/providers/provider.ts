import type { LanguageModelV4 } from '@ai-sdk/provider'

/** Where a node is, how to be let in, and how to get there. */
export type ProviderEndpoint = {
  /** The provider's own address where it is not given. */
  url?: string | undefined
  key?: string | undefined
  /** A `fetch` that bounds the connection alone: the other time-outs are those of the call. */
  fetch: typeof globalThis.fetch
}

/** Makes a model of this name, to be called through the AI SDK. */
export type Provider = (endpoint: ProviderEndpoint) => (model: string) => LanguageModelV4
