import type { Context } from 'hono'
import { z } from 'zod'
import type { FileRef } from '../drizzle/contract/file-ref.ts'
import { findNamedFiles } from '../drizzle/statements/find-named-files.ts'
import { ApiError } from './api-error.ts'
import type { AppEnv } from './operation.ts'

/**
 * The caller's files with these ids, in order. It costs a statement where there are any: the types
 * of files are judged here, and not in the database. Throws ApiError 404 for the first that there is not.
 */
export async function namedFiles(c: Context<AppEnv>, ids: string[]): Promise<FileRef[]> {
  if (ids.length === 0) return []
  const { postgres, owner } = c.var
  const malformed = ids.find((id) => !z.uuid().safeParse(id).success)
  if (malformed !== undefined) throw noFile(malformed)
  const found = await postgres.run(findNamedFiles(owner, ids))
  const files = new Map(found.map((file) => [file.file_id, file]))
  return ids.map((id) => {
    const file = files.get(id.toLowerCase())
    if (!file) throw noFile(id)
    return file
  })
}

function noFile(id: string): ApiError {
  return new ApiError('not_found', `file_ids: there is no file "${id}".`, 'file_ids')
}
