import { BATCH_AS_JSON, type StoredBatch } from './as-json.ts'
import type { Statement } from './statement.ts'

export type HistoryRow = {
  title: string
  /** How many turns the conversation has: the number of its last one. */
  turns: number
  turn: number | null
  batch: StoredBatch | null
}

/** After which turn, and how much: so many batches, and none that begins after so many bytes of text. */
export type HistoryPage = { afterTurn: number; limit: number; maxBytes?: number }

/** Most pages are far from it; what one answer carries must fit into the memory of a gateway. */
const MAX_BYTES = 8 * 1024 * 1024

/**
 * The batches of a conversation after a turn, oldest first, one row each. A conversation that has
 * none there gives one row without a batch; no row: there is no such conversation of this owner.
 */
export function findHistory(
  owner: string,
  conversationId: string,
  { afterTurn, limit, maxBytes = MAX_BYTES }: HistoryPage,
): Statement<HistoryRow> {
  return {
    name: 'find-history',
    text: FIND_HISTORY,
    params: [owner, conversationId, afterTurn, limit, maxBytes],
  }
}

const FIND_HISTORY = `
SELECT c.title, c.turns, page.turn, page.batch
FROM conversations c
LEFT JOIN LATERAL (
  SELECT b.turn, ${BATCH_AS_JSON} AS batch
  FROM (
    SELECT sized.*, sum(sized.bytes) OVER (ORDER BY sized.turn) - sized.bytes AS before
    FROM (
      SELECT one.*, octet_length(one.user_prompt) + coalesce((
        SELECT sum(coalesce(octet_length(t.response_text), 0)
          + coalesce(octet_length(t.reasoning_text), 0))
        FROM tasks t WHERE t.batch_id = one.id), 0) AS bytes
      FROM batches one
      WHERE one.conversation_id = c.id AND one.turn > $3::integer
      ORDER BY one.turn LIMIT $4::integer
    ) sized
  ) b WHERE b.before <= $5::integer
) page ON true
WHERE c.owner = $1 AND c.id = $2::uuid
ORDER BY page.turn`
