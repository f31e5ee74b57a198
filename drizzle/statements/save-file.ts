import { OBJECT_THAT_COUNTS } from './object-that-counts.ts'
import type { Statement } from './statement.ts'
import type { NewFile } from './submit-batch.ts'

export type SavedFileRow = { id: string; object_key: string }

/**
 * Stores the row of a picture that a model made, or finds that of the owner's older file with the same
 * content, whose object then stays, unless it was lost. It counts as used: an answer will name it. It may be repeated when its outcome is unknown.
 */
export function saveFile(owner: string, file: Omit<NewFile, 'name'>): Statement<SavedFileRow> {
  return {
    name: 'save-file',
    text: SAVE_FILE,
    params: [owner, file.id, file.sha256, file.type, file.bytes, file.objectKey],
  }
}

const SAVE_FILE = `
INSERT INTO files AS f (id, owner, sha256, type, bytes, object_key)
VALUES ($2::uuid, $1, $3, $4, $5::bigint, $6)
ON CONFLICT (owner, sha256) DO UPDATE SET unused_since = NULL,${OBJECT_THAT_COUNTS}
RETURNING f.id, f.object_key`
