import type { SubmitRequest } from '../drizzle/contract/http-api.ts'
import type { NewTask } from '../drizzle/statements/submit-batch.ts'

/**
 * What two submits must share for the second to be a repeat of the first, as SHA-256 in hexadecimal: all that
 * is asked for, however it was written, and the files by name and content, however they came.
 */
export async function fingerprintOf(
  { prompt, conversation_id, mode, system, temperature, max_tokens }: SubmitRequest,
  tasks: readonly NewTask[],
  files: readonly { name: string; sha256: string }[],
): Promise<string> {
  const asked = [
    prompt,
    tasks.map(({ model, slot }) => [model, slot]),
    conversation_id?.toLowerCase(),
    mode,
    system,
    temperature,
    max_tokens,
    files.map(({ name, sha256 }) => [name, sha256]),
  ]
  const bytes = new TextEncoder().encode(JSON.stringify(asked))
  const digest = await crypto.subtle.digest('SHA-256', bytes)
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
