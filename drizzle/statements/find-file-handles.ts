import type { Statement } from './statement.ts'

export type FoundHandle = { file_id: string; handle: string }

/** A handle must serve for as long as a call may take. */
const SERVES_FOR = `interval '1 hour'`

/** What a node calls those of these files that it still has for a while. */
export function findFileHandles(fileIds: string[], nodeId: string): Statement<FoundHandle> {
  return { name: 'find-file-handles', text: FIND_FILE_HANDLES, params: [fileIds, nodeId] }
}

const FIND_FILE_HANDLES = `
SELECT h.file_id, h.handle FROM file_handles h
WHERE h.file_id = ANY ($1::uuid[]) AND h.node_id = $2::uuid
  AND h.expires_at > now() + ${SERVES_FOR}`
