import type { File } from '../drizzle/contract/http-api.ts'
import type { StoredFile } from '../drizzle/statements/as-json.ts'

/** Adds to what carries files where each of them is to be had. */
export function withUrls<Answer extends { files: StoredFile[] }>(
  answer: Answer,
): Omit<Answer, 'files'> & { files: File[] } {
  const files = answer.files.map((file) => ({ ...file, url: `/v1/files/${file.file_id}` }))
  return { ...answer, files }
}
