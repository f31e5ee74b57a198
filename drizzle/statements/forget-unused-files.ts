import type { Statement } from './statement.ts'

/** How long a file waits for a prompt that uses it, in hours. */
const UNUSED_KEPT_H = 24

/**
 * Looks at up to `limit` files of anyone that were uploaded ahead more than 24 h ago, the oldest first, and
 * forgets those that no prompt or answer names. In the same statement their objects are doomed. The
 * others are used: they lose the mark. What somebody has locked is left to the next time: a prompt may be
 * about to use it. Returns how many went.
 */
export function forgetUnusedFiles(limit: number): Statement<{ files: number }> {
  return { name: 'forget-unused-files', text: FORGET_UNUSED_FILES, params: [limit] }
}

const FORGET_UNUSED_FILES = `
WITH marked AS MATERIALIZED (
  SELECT f.id, EXISTS (SELECT FROM batch_files b WHERE b.file_id = f.id)
    OR EXISTS (SELECT FROM task_files t WHERE t.file_id = f.id) AS used
  FROM files f
  WHERE f.unused_since < now() - interval '${UNUSED_KEPT_H} h'
  ORDER BY f.unused_since LIMIT $1::integer
  FOR UPDATE OF f SKIP LOCKED
), used AS (
  UPDATE files f SET unused_since = NULL FROM marked m WHERE f.id = m.id AND m.used
), forgotten AS (
  DELETE FROM files f USING marked m WHERE f.id = m.id AND NOT m.used RETURNING f.object_key
), doomed AS (
  INSERT INTO doomed_objects (object_key) SELECT object_key FROM forgotten ON CONFLICT DO NOTHING
)
SELECT count(*)::integer AS files FROM forgotten`
