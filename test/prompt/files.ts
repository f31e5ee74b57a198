import { createHash } from 'node:crypto'
import { v7 as uuidv7 } from 'uuid'
import type { FileRef } from '../../drizzle/contract/file-ref.ts'

/** A file as a task carries it; its bytes are those of `content`, where that is given. */
export function fileRef(given: Partial<FileRef> & { content?: string | Buffer } = {}): FileRef {
  const { content = 'words', ...rest } = given
  const bytes = Buffer.from(content)
  return {
    file_id: uuidv7(),
    name: 'notes.txt',
    type: 'text/plain',
    bytes: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    ...rest,
  }
}
