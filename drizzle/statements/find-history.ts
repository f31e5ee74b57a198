import { BATCH_AS_JSON, type StoredBatch } from './as-json.ts'
import type { Statement } from './statement.ts'

export type HistoryRow = { title: string; turn: number | null; batch: StoredBatch | null }

/**
 * The batches of a conversation after a turn, oldest first, one row each. A conversation that has
 * none there gives one row without a batch; no row: there is no such conversation of this owner.
 */
export function findHistory(
  owner: string,
  conversationId: string,
  afterTurn: number,
  limit: number,
): Statement<HistoryRow> {
  return {
    name: 'find-history',
    text: FIND_HISTORY,
    params: [owner, conversationId, afterTurn, limit],
  }
}

const FIND_HISTORY = `
SELECT c.title, page.turn, page.batch
FROM conversations c
LEFT JOIN LATERAL (
  SELECT b.turn, ${BATCH_AS_JSON} AS batch FROM batches b
  WHERE b.conversation_id = c.id AND b.turn > $3::integer
  ORDER BY b.turn LIMIT $4::integer
) page ON true
WHERE c.owner = $1 AND c.id = $2::uuid
ORDER BY page.turn`
