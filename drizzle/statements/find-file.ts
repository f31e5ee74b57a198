import type { Statement } from './statement.ts'

export type FoundFile = { type: string; bytes: number; object_key: string }

/** One of an owner's files; no row where there is none. */
export function findFile(owner: string, fileId: string): Statement<FoundFile> {
  return { name: 'find-file', text: FIND_FILE, params: [owner, fileId] }
}

const FIND_FILE = `
SELECT type, bytes::float8 AS bytes, object_key FROM files WHERE owner = $1 AND id = $2::uuid`
