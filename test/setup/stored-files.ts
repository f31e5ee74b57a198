import { createHash } from 'node:crypto'
import { v7 as uuidv7 } from 'uuid'
import type { FileRef } from '../../drizzle/contract/file-ref.ts'
import { fileRef } from '../prompt/files.ts'
import type { TestDatabase } from './database.ts'

type Queried = Pick<TestDatabase, 'query'>

/** A row of `files` for `local`, of a content of its own unless one is given. */
export async function storedFile(
  { query }: Queried,
  given: Parameters<typeof fileRef>[0] = {},
): Promise<FileRef> {
  const file = fileRef({ content: uuidv7(), ...given })
  await query(
    `INSERT INTO files (id, owner, sha256, type, bytes, object_key)
     VALUES ($1, 'local', $2, $3, $4, $2)`,
    [file.file_id, file.sha256, file.type, file.bytes],
  )
  return file
}

/** Puts files with a batch, in order. */
export async function attach({ query }: Queried, batchId: string, files: FileRef[]) {
  for (const [i, { file_id, name }] of files.entries()) {
    await query(
      'INSERT INTO batch_files (batch_id, position, file_id, name) VALUES ($1, $2, $3, $4)',
      [batchId, i + 1, file_id, name],
    )
  }
}

/** A row of a node, with a name of its own. */
export async function storedNode({ query }: Queried): Promise<string> {
  const id = uuidv7()
  const url = `https://${createHash('sha256').update(id).digest('hex').slice(0, 12)}.example/`
  await query(
    `INSERT INTO gemini_service_nodes (id, family, url, kind, capacity, status)
     VALUES ($1, 'gemini', $2, 'gemini', 5, 'HEALTHY')`,
    [id, url],
  )
  return id
}
