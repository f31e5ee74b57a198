import { OBJECT_THAT_COUNTS } from './object-that-counts.ts'
import type { Statement } from './statement.ts'
import type { NewFile } from './submit-batch.ts'

/** One row a file, in order. */
export type SavedUpload = {
  file_id: string
  name: string
  type: string
  bytes: number
  /** The key of its object where no row will ever name it; else null. */
  unused: string | null
}

/**
 * Stores the rows of files that a later prompt may name, or finds those of the owner's older files with
 * the same content, whose objects then stay, unless they were lost. Each counts as unused from now
 * on, also what an older prompt has: it stays for a day when that goes. It may be repeated with the same ids when its outcome is unknown.
 */
export function saveUploads(owner: string, files: NewFile[]): Statement<SavedUpload> {
  return {
    name: 'save-uploads',
    text: SAVE_UPLOADS,
    params: [
      owner,
      files.map(({ id }) => id),
      files.map(({ name }) => name),
      files.map(({ objectKey }) => objectKey),
      files.map(({ type }) => type),
      files.map(({ bytes }) => bytes),
      files.map(({ sha256 }) => sha256),
    ],
  }
}

const SAVE_UPLOADS = `
WITH upload AS MATERIALIZED (
  SELECT * FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::text[])
    WITH ORDINALITY AS u (id, name, object_key, type, bytes, sha256, position)
), file AS (
  INSERT INTO files AS f (id, owner, sha256, type, bytes, object_key, uploaded_name, unused_since)
  SELECT DISTINCT ON (u.sha256) u.id, $1, u.sha256, u.type, u.bytes, u.object_key, u.name, now()
  FROM upload u
  ORDER BY u.sha256, u.position
  ON CONFLICT (owner, sha256) DO UPDATE SET uploaded_name = excluded.uploaded_name,
    unused_since = now(),${OBJECT_THAT_COUNTS}
  RETURNING f.id, f.sha256, f.type, f.object_key
)
SELECT file.id AS file_id, u.name, file.type, u.bytes::float8 AS bytes,
  nullif(u.object_key, file.object_key) AS unused
FROM upload u JOIN file ON file.sha256 = u.sha256
ORDER BY u.position`
