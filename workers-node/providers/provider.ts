import type { LanguageModelV4 } from '@ai-sdk/provider'

/** Where a node is, how to be let in, and how to get there. */
export type ProviderEndpoint = {
  /** The provider's own address where it is not given. */
  url?: string | undefined
  key?: string | undefined
  /** A `fetch` that bounds the connection alone: the other time-outs are those of the call. */
  fetch: typeof globalThis.fetch
}

/** What a call wants of a model, beside an answer to its messages. */
export type Wish = {
  /** `image`: a picture is asked for. */
  mode: 'text' | 'image'
  /** Whether the model reasons, and its thoughts are wanted. */
  reasoning: boolean
}

/** A file as a service is given it. */
export type GivenFile = { name: string; type: string; bytes: Uint8Array<ArrayBuffer> }

/** How a service is given files ahead of the requests that name them. */
export type Uploads = {
  /** The name by which the AI SDK tells this service's files from those of others. */
  referenceKey: string
  /** Resolves to what requests call the file, and until when; null where that is not known. */
  upload(file: GivenFile, signal: AbortSignal): Promise<{ handle: string; expiresAt: Date | null }>
  /** Whether an error of a call says that the service no longer has a file that it was given. */
  isGone(error: unknown): boolean
}

/** A way to the models of one node. */
export type Service = {
  /** A model of this name, to be called through the AI SDK. */
  model(name: string, wish: Wish): LanguageModelV4
  /** How many bytes of files one request may carry; beyond that they are uploaded where that can be. */
  inlineBytes: number
  uploads?: Uploads
  /** Where its pictures may be fetched, and how; any others must be on the public internet. */
  home: { origin: string; fetch: ProviderEndpoint['fetch'] }
}

export type Provider = (endpoint: ProviderEndpoint) => Service
