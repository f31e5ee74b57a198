import { APICallError } from '@ai-sdk/provider'
import { z } from 'zod'
import { openaiCompatible } from '../openai-compatible.ts'
import type { ProviderEndpoint, Service } from '../provider.ts'
import { checkedFetch } from './checked-fetch.ts'

const uploaded = z.object({ files: z.array(z.string().min(1)).length(1) })

type Part = { type: string; text?: string; file?: { file_id?: string } }
type Message = { content?: string | Part[] | null }

/**
 * An OpenAI-compatible service that takes files by `POST /upload`, as multipart, and answers
 * `{files: [path]}`. In a request they are named all together, in its own field `files`.
 */
export function uploadingService(endpoint: ProviderEndpoint): Service {
  const service = openaiCompatible(endpoint, nameFiles)
  const fetch = checkedFetch(endpoint.fetch)
  const url = `${service.home.origin}/upload`
  return {
    ...service,
    inlineBytes: 0,
    uploads: {
      referenceKey: 'openai-compatible',
      async upload({ name, type, bytes }, signal) {
        const form = new FormData()
        form.append('files', new Blob([bytes], { type }), name)
        // Packed here, as a fetch of another undici than the platform's does not know its forms.
        const packed = new Response(form)
        const headers = { 'content-type': packed.headers.get('content-type')! }
        const body = await packed.bytes()
        const response = await fetch(url, { method: 'POST', body, headers, signal })
        const answer = uploaded.safeParse(await response.json().catch(() => null))
        if (!answer.success) {
          const about = { url, requestBodyValues: {}, statusCode: response.status }
          throw new APICallError({ ...about, message: 'the upload was not answered as agreed' })
        }
        return { handle: answer.data.files[0]!, expiresAt: null }
      },
      isGone: () => false,
    },
  }
}

/** Moves the names of files from the messages to where such a service looks for them. */
function nameFiles(body: Record<string, unknown>): Record<string, unknown> {
  const files: string[] = []
  const messages = (body.messages as Message[]).map((message) => {
    if (!Array.isArray(message.content)) return message
    for (const { file } of message.content) if (file?.file_id) files.push(file.file_id)
    const texts = message.content.flatMap(({ text }) => text ?? [])
    return { ...message, content: texts.join('\n\n') }
  })
  return files.length > 0 ? { ...body, messages, files } : body
}
