import { isoUtc, type Statement } from './statement.ts'

export type ConversationRow = {
  conversation_id: string
  title: string
  created_at: string
  updated_at: string
  /** The exact place in the order, for the next page. */
  place: string
}

/** A place in the list: after the conversation with this time of change (exact text) and id. */
export type ListPlace = { place: string; conversationId: string }

/** An owner's conversations, the last changed first, from after a place on. */
export function listConversations(
  owner: string,
  after: ListPlace | null,
  limit: number,
): Statement<ConversationRow> {
  return {
    name: 'list-conversations',
    text: LIST_CONVERSATIONS,
    params: [owner, after?.place ?? 'infinity', after?.conversationId ?? null, limit],
  }
}

const LIST_CONVERSATIONS = `
SELECT id AS conversation_id, title, ${isoUtc('created_at')} AS created_at,
  ${isoUtc('updated_at')} AS updated_at, (updated_at AT TIME ZONE 'UTC')::text || 'Z' AS place
FROM conversations
WHERE owner = $1
  AND (updated_at, id) < ($2::timestamptz, coalesce($3::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
ORDER BY updated_at DESC, id DESC
LIMIT $4::integer`
