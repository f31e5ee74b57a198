import { isoUtc, type Statement } from './statement.ts'

export type DeadLetterRow = {
  id: string
  kind: 'message' | 'task'
  /** The stream of a message, the family of a task. */
  source: string
  /** The id of the stream entry, or of the task. */
  original_id: string
  error_code: string
  created_at: string
  replayed_at: string | null
}

export type DeadLetterPlace = {
  /** Those that are older than this one; null for the newest. */
  after: string | null
  /** Null for both kinds. */
  kind: 'message' | 'task' | null
  /** Those that had been written by this moment, as the database writes it; null for all. */
  writtenBy: string | null
  /** Whether to leave out those that have been replayed. */
  unreplayed: boolean
}

/**
 * Up to `limit` dead letters, the newest first by their ids: as far as the clocks of the workers that
 * made those agree.
 */
export function listDeadLetters(
  { after, kind, writtenBy, unreplayed }: DeadLetterPlace,
  limit: number,
): Statement<DeadLetterRow> {
  return {
    name: 'list-dead-letters',
    text: LIST_DEAD_LETTERS,
    params: [after, kind, unreplayed, limit, writtenBy],
  }
}

const LIST_DEAD_LETTERS = `
SELECT d.id, d.kind, d.source, d.original_id, d.error_code,
  ${isoUtc('d.created_at')} AS created_at, ${isoUtc('d.replayed_at')} AS replayed_at
FROM dead_letters d
WHERE d.id < coalesce($1::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
  AND ($2::text IS NULL OR d.kind = $2)
  AND (d.replayed_at IS NULL OR NOT $3::boolean)
  AND ($5::timestamptz IS NULL OR d.created_at <= $5::timestamptz)
ORDER BY d.id DESC
LIMIT $4::integer`
