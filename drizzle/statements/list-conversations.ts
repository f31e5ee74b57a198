import { isoUtc, type Statement } from './statement.ts'

export type ConversationRow = {
  conversation_id: string
  title: string
  created_at: string
  updated_at: string
  /** When it last changed, exactly: microseconds since 1970. */
  changed_us: number
}

/** A place in the list: after the conversation with this time of change and id. */
export type ListPlace = { changedUs: number; conversationId: string }

/** An owner's conversations, the last changed first, from after a place on. */
export function listConversations(
  owner: string,
  after: ListPlace | null,
  limit: number,
): Statement<ConversationRow> {
  return {
    name: 'list-conversations',
    text: LIST_CONVERSATIONS,
    params: [owner, after?.changedUs ?? null, after?.conversationId ?? null, limit],
  }
}

// A bare `updated_at` in ORDER BY would be the column put out, which knows milliseconds only.
const LIST_CONVERSATIONS = `
SELECT c.id AS conversation_id, c.title, ${isoUtc('c.created_at')} AS created_at,
  ${isoUtc('c.updated_at')} AS updated_at,
  (extract(epoch FROM c.updated_at) * 1000000)::bigint::float8 AS changed_us
FROM conversations c
WHERE c.owner = $1
  AND (c.updated_at, c.id) < (
    coalesce('epoch'::timestamptz + $2::float8 * interval '1 microsecond', 'infinity'),
    coalesce($3::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
ORDER BY c.updated_at DESC, c.id DESC
LIMIT $4::integer`
