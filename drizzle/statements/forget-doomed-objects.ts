import type { Statement } from './statement.ts'

/** Forgets these doomed objects: the store has let go of them. */
export function forgetDoomedObjects(objectKeys: string[]): Statement<never> {
  return { name: 'forget-doomed-objects', text: FORGET_DOOMED_OBJECTS, params: [objectKeys] }
}

const FORGET_DOOMED_OBJECTS = `DELETE FROM doomed_objects WHERE object_key = ANY ($1::text[])`
