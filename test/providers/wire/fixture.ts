import type { Usage } from '../../../drizzle/contract/http-api.ts'
import type { TaskErrorCode } from '../../../drizzle/contract/task-error-code.ts'

/** One answer as a vendor's API sends it, in both of its forms, and some of its errors. */
export type Fixture = {
  /** The body of a streamed answer, byte by byte. */
  streamed: string
  /** The body of the same answer where it is not streamed. */
  plain: string
  reasoning: string
  text: string
  usage: Usage
  answeredBy: string
  finishReason: string
  errors: { status: number; body: unknown; code: TaskErrorCode }[]
}

/** Chunks as server-sent events. */
export function events(chunks: unknown[], last = ''): string {
  return chunks.map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`).join('') + last
}
