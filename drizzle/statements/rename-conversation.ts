import { CONVERSATION_FIELDS, type StoredConversation } from './list-conversations.ts'
import type { Statement } from './statement.ts'

/** Gives one of an owner's conversations another title. Its place in the list stays. No row: there is none. */
export function renameConversation(
  owner: string,
  id: string,
  title: string,
): Statement<StoredConversation> {
  return { name: 'rename-conversation', text: RENAME_CONVERSATION, params: [owner, id, title] }
}

const RENAME_CONVERSATION = `
UPDATE conversations c SET title = $3 WHERE c.owner = $1 AND c.id = $2::uuid
RETURNING ${CONVERSATION_FIELDS}`
