/**
 * SQL for what an upload changes in the row of a file `f` with the same content: nothing, unless its
 * object was lost. Then the new one takes its place, where there is one: a file that is only named
 * brings the key ''.
 */
export const OBJECT_THAT_COUNTS = `
    object_key = CASE WHEN f.lost_at IS NULL OR excluded.object_key = ''
      THEN f.object_key ELSE excluded.object_key END,
    lost_at = CASE WHEN excluded.object_key = '' THEN f.lost_at END`
