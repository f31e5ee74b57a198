import type { FileRef } from '../contract/file-ref.ts'
import type { Statement } from './statement.ts'

/**
 * Those files of an owner that have one of these ids, in any order, each as it was called where it was
 * uploaded. One whose object was lost is left out: it has to be uploaded again.
 */
export function findNamedFiles(owner: string, fileIds: string[]): Statement<FileRef> {
  return { name: 'find-named-files', text: FIND_NAMED_FILES, params: [owner, fileIds] }
}

const FIND_NAMED_FILES = `
SELECT f.id AS file_id, f.type, f.bytes::float8 AS bytes, f.sha256,
  coalesce(f.uploaded_name,
    (SELECT made.name FROM task_files made WHERE made.file_id = f.id LIMIT 1),
    (SELECT sent.name FROM batch_files sent WHERE sent.file_id = f.id LIMIT 1), 'file') AS name
FROM files f
WHERE f.owner = $1 AND f.id = ANY ($2::uuid[]) AND f.lost_at IS NULL`
