import { isoUtc, type Statement } from './statement.ts'

export type StoredConversation = {
  conversation_id: string
  title: string
  created_at: string
  updated_at: string
}

export type ConversationRow = StoredConversation & {
  /** When it last changed, exactly: microseconds since 1970. */
  changed_us: number
}

/** A place in the list: after the conversation with this time of change and id. */
export type ListPlace = { changedUs: number; conversationId: string }

/** What is listed: from after a place on, all or those in whose title or prompts a text stands. */
export type Listed = { after: ListPlace | null; limit: number; search?: string | undefined }

/** SQL for the columns of a StoredConversation, of the row `c`. */
export const CONVERSATION_FIELDS = `c.id AS conversation_id, c.title,
  ${isoUtc('c.created_at')} AS created_at, ${isoUtc('c.updated_at')} AS updated_at`

/** An owner's conversations, the last changed first. The case of letters does not matter to a search. */
export function listConversations(
  owner: string,
  { after, limit, search }: Listed,
): Statement<ConversationRow> {
  return {
    name: 'list-conversations',
    text: LIST_CONVERSATIONS,
    params: [
      owner,
      after?.changedUs ?? null,
      after?.conversationId ?? null,
      limit,
      search === undefined ? null : `%${search.replace(/[\\%_]/g, '\\$&')}%`,
    ],
  }
}

// A bare `updated_at` in ORDER BY would be the column put out, which knows milliseconds only. The
// prompts are looked into by a subquery that gives a value: an EXISTS might be done once for the
// prompts of all owners together.
const LIST_CONVERSATIONS = `
SELECT ${CONVERSATION_FIELDS},
  (extract(epoch FROM c.updated_at) * 1000000)::bigint::float8 AS changed_us
FROM conversations c
WHERE c.owner = $1
  AND (c.updated_at, c.id) < (
    coalesce('epoch'::timestamptz + $2::float8 * interval '1 microsecond', 'infinity'),
    coalesce($3::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
  AND ($5::text IS NULL OR c.title ILIKE $5 OR (
    SELECT true FROM batches b WHERE b.conversation_id = c.id AND b.user_prompt ILIKE $5 LIMIT 1))
ORDER BY c.updated_at DESC, c.id DESC
LIMIT $4::integer`
