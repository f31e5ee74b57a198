import type { Statement } from './statement.ts'

export type NewHandle = { fileId: string; nodeId: string; handle: string; expiresAt: Date }

/** Remembers what a node calls a file, in place of what it called it before. */
export function saveFileHandle(handle: NewHandle): Statement<never> {
  return {
    name: 'save-file-handle',
    text: SAVE_FILE_HANDLE,
    params: [handle.fileId, handle.nodeId, handle.handle, handle.expiresAt.toISOString()],
  }
}

// A file or a node may have been deleted in the meantime.
const SAVE_FILE_HANDLE = `
INSERT INTO file_handles (file_id, node_id, handle, expires_at)
SELECT f.id, n.id, $3, $4::timestamptz FROM files f, gemini_service_nodes n
WHERE f.id = $1::uuid AND n.id = $2::uuid
ON CONFLICT (file_id, node_id) DO UPDATE
SET handle = excluded.handle, expires_at = excluded.expires_at`
