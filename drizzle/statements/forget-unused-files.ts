import type { Statement } from './statement.ts'

/** How long a file waits for a prompt that uses it, in hours. */
const UNUSED_KEPT_H = 24

/**
 * Forgets up to `limit` files of anyone, the oldest first, that were uploaded ahead and that no prompt has
 * used for 24 h. In the same statement their objects are doomed. What somebody has locked is left to
 * the next time: a prompt may be about to use it. Returns how many went.
 */
export function forgetUnusedFiles(limit: number): Statement<{ files: number }> {
  return { name: 'forget-unused-files', text: FORGET_UNUSED_FILES, params: [limit] }
}

const FORGET_UNUSED_FILES = `
WITH unused AS MATERIALIZED (
  SELECT f.id FROM files f
  WHERE f.unused_since < now() - interval '${UNUSED_KEPT_H} h'
    AND NOT EXISTS (SELECT FROM batch_files b WHERE b.file_id = f.id)
    AND NOT EXISTS (SELECT FROM task_files t WHERE t.file_id = f.id)
  ORDER BY f.unused_since LIMIT $1::integer
  FOR UPDATE OF f SKIP LOCKED
), forgotten AS (
  DELETE FROM files f USING unused u WHERE f.id = u.id RETURNING f.object_key
), doomed AS (
  INSERT INTO doomed_objects (object_key) SELECT object_key FROM forgotten ON CONFLICT DO NOTHING
)
SELECT count(*)::integer AS files FROM forgotten`
