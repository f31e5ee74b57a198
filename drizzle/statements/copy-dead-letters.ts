import { isoUtc, type Statement } from './statement.ts'

/** A dead letter as it is copied to the stream `sys_dead_letters`. */
export type DeadLetterCopy = {
  id: string
  kind: 'message' | 'task'
  source: string
  original_id: string
  payload: string
  error_code: string
  error_msg: string
  created_at: string
}

/**
 * Takes up to `limit` dead letters that are not in the stream, the oldest first, and marks them as
 * copied: no other sweep copies them too. The caller adds them to the stream, or gives them back.
 */
export function takeUncopiedDeadLetters(limit: number): Statement<DeadLetterCopy> {
  return { name: 'take-uncopied-dead-letters', text: TAKE_UNCOPIED, params: [limit] }
}

const TAKE_UNCOPIED = `
WITH uncopied AS MATERIALIZED (
  SELECT d.id FROM dead_letters d
  WHERE d.copied_at IS NULL
  ORDER BY d.id LIMIT $1::integer
  FOR UPDATE SKIP LOCKED
), taken AS (
  UPDATE dead_letters d SET copied_at = now() FROM uncopied WHERE d.id = uncopied.id
  RETURNING d.*
)
SELECT id, kind, source, original_id, payload, error_code, error_msg,
  ${isoUtc('taken.created_at')} AS created_at
FROM taken ORDER BY id`

/** Marks dead letters as not copied, because the stream did not take them. */
export function giveBackDeadLetters(ids: string[]): Statement<never> {
  return { name: 'give-back-dead-letters', text: GIVE_BACK, params: [ids] }
}

const GIVE_BACK = `
WITH seen AS MATERIALIZED (
  SELECT d.id FROM dead_letters d WHERE d.id = ANY ($1::uuid[]) ORDER BY d.id FOR UPDATE
)
UPDATE dead_letters d SET copied_at = NULL FROM seen WHERE d.id = seen.id`

/** Marks the newest `limit` dead letters as not copied, because the stream has lost them. */
export function uncopyNewestDeadLetters(limit: number): Statement<never> {
  return { name: 'uncopy-newest-dead-letters', text: UNCOPY_NEWEST, params: [limit] }
}

const UNCOPY_NEWEST = `
WITH newest AS MATERIALIZED (
  SELECT d.id FROM dead_letters d ORDER BY d.id DESC LIMIT $1::integer FOR UPDATE SKIP LOCKED
)
UPDATE dead_letters d SET copied_at = NULL
FROM newest WHERE d.id = newest.id AND d.copied_at IS NOT NULL`
