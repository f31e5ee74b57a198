import { createGoogleGenerativeAI, type GoogleProvider } from '@ai-sdk/google'
import {
  AISDKError,
  APICallError,
  InvalidResponseDataError,
  type LanguageModelV4StreamPart,
} from '@ai-sdk/provider'
import { defaultSettingsMiddleware, type LanguageModelMiddleware, wrapLanguageModel } from 'ai'
import { checkedFetch } from './engine/checked-fetch.ts'
import { streamPlainAnswers } from './engine/plain-answers.ts'
import { stayAt } from './engine/stay-at.ts'
import { uploadingService } from './engine/uploading-service.ts'
import type { Provider, Uploads, Wish } from './provider.ts'

const OWN_URL = 'https://generativelanguage.googleapis.com/v1beta'
const OWN_ORIGIN = new URL(OWN_URL).origin

/** Google takes 20 MB a request, in which files are a third larger than they are and not alone. */
const INLINE_BYTES = 12 * 1024 * 1024

/** Gemini by Google's own API where there is a key, else by an OpenAI-compatible service. */
export const gemini: Provider = (endpoint) => {
  const { key, url, fetch } = endpoint
  if (key === undefined) return uploadingService(endpoint)
  const baseURL = googleBase(url ?? OWN_URL)
  const about = { apiKey: key, baseURL }
  const google = createGoogleGenerativeAI({ ...about, fetch: streamPlainAnswers(fetch, chunksOf) })
  const { origin } = new URL(baseURL)
  // Google says where an upload goes on; behind a proxy that is Google itself.
  const uploading = stayAt([origin, OWN_ORIGIN], checkedFetch(fetch))
  const files = createGoogleGenerativeAI({ ...about, fetch: uploading })
  return {
    inlineBytes: INLINE_BYTES,
    home: { origin, fetch },
    uploads: uploadsTo(files),
    model: (name, wish) =>
      wrapLanguageModel({
        model: google(name),
        middleware: [defaultSettingsMiddleware({ settings: optionsFor(wish) }), readModelVersion],
      }),
  }
}

/** The SDK wants the version in the base; a bare host is given the current one. */
function googleBase(url: string): string {
  const base = url.replace(/\/+$/, '')
  return new URL(base).pathname === '/' ? `${base}/v1beta` : base
}

/** Without `alt=sse`, which a proxy may drop, the chunks of a stream come as an array. */
const chunksOf = (body: unknown): unknown[] => (Array.isArray(body) ? body : [body])

function optionsFor({ mode, reasoning }: Wish) {
  return {
    providerOptions: {
      google: {
        ...(mode === 'image' && { responseModalities: ['TEXT', 'IMAGE'] }),
        ...(reasoning && { thinkingConfig: { includeThoughts: true } }),
      },
    },
  }
}

/** Google's File API: ai.google.dev/api/files. */
function uploadsTo(google: GoogleProvider): Uploads {
  return {
    referenceKey: 'google',
    async upload({ type, bytes }, signal) {
      const { providerReference, providerMetadata } = await Promise.resolve(
        google.files().uploadFile({
          data: { type: 'data', data: bytes },
          mediaType: type,
          abortSignal: signal,
        }),
      ).catch((error: unknown) => {
        throw AISDKError.isInstance(error) ? error : unexpected(error)
      })
      const { expirationTime } = providerMetadata?.google ?? {}
      // The SDK takes it from the answer as it stands there, if it does.
      const handle: unknown = providerReference.google
      if (typeof handle !== 'string') throw unexpected(handle)
      return {
        handle,
        expiresAt: typeof expirationTime === 'string' ? new Date(expirationTime) : null,
      }
    },
    // Google says the same of a file that is gone and of one of another key.
    isGone: (error) =>
      APICallError.isInstance(error) &&
      (error.statusCode === 403 || error.statusCode === 404) &&
      /\bfile\b.*\b(may not exist|not found)\b/is.test(error.responseBody ?? ''),
  }
}

/** What the SDK stumbles over is not what Google's File API answers. */
function unexpected(data: unknown): InvalidResponseDataError {
  return new InvalidResponseDataError({ data, message: 'no answer of the File API' })
}

/** The SDK leaves out which model answered. */
const readModelVersion: LanguageModelMiddleware = {
  specificationVersion: 'v4',
  transformParams: async ({ params }) => ({ ...params, includeRawChunks: true }),
  wrapStream: async ({ doStream }) => {
    const { stream, ...rest } = await doStream()
    let modelId: string | undefined
    const transform = new TransformStream<LanguageModelV4StreamPart, LanguageModelV4StreamPart>({
      transform(part, controller) {
        if (part.type !== 'raw') return controller.enqueue(part)
        const { modelVersion } = (part.rawValue ?? {}) as { modelVersion?: unknown }
        if (modelId !== undefined || typeof modelVersion !== 'string') return
        modelId = modelVersion
        controller.enqueue({ type: 'response-metadata', modelId })
      },
    })
    return { stream: stream.pipeThrough(transform), ...rest }
  },
}
