import type { Statement } from './statement.ts'

/** Up to `limit` objects that no row names any more, the oldest first. */
export function findDoomedObjects(limit: number): Statement<{ object_key: string }> {
  return { name: 'find-doomed-objects', text: FIND_DOOMED_OBJECTS, params: [limit] }
}

const FIND_DOOMED_OBJECTS = `
SELECT object_key FROM doomed_objects ORDER BY created_at LIMIT $1::integer`
