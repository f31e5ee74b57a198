import type { Statement } from './statement.ts'

/**
 * Notes that the store does not have the object of a file, unless the file has another one by now. The
 * next upload of its content then brings the object that counts.
 */
export function markFileLost(owner: string, fileId: string, objectKey: string): Statement<never> {
  return { name: 'mark-file-lost', text: MARK_FILE_LOST, params: [owner, fileId, objectKey] }
}

const MARK_FILE_LOST = `
UPDATE files SET lost_at = now()
WHERE owner = $1 AND id = $2::uuid AND object_key = $3 AND lost_at IS NULL`
