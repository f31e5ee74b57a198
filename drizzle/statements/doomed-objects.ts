import type { Statement } from './statement.ts'

export type DoomedObject = { object_key: string }

/** Objects that no row names any more, those that have been so for longest first. */
export function listDoomedObjects(limit: number): Statement<DoomedObject> {
  return { name: 'list-doomed-objects', text: LIST_DOOMED_OBJECTS, params: [limit] }
}

/** Forgets objects of which the store has let go. */
export function forgetDoomedObjects(keys: string[]): Statement<never> {
  return { name: 'forget-doomed-objects', text: FORGET_DOOMED_OBJECTS, params: [keys] }
}

const LIST_DOOMED_OBJECTS = `
SELECT object_key FROM doomed_objects ORDER BY created_at, object_key LIMIT $1::integer`

const FORGET_DOOMED_OBJECTS = `
DELETE FROM doomed_objects WHERE object_key = ANY ($1::text[])`
