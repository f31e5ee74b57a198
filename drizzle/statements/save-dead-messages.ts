import type { Statement } from './statement.ts'

/** Why a stream entry could not be used. */
export const DEAD_MESSAGES = {
  unreadable_message: 'The stream entry is not a task message.',
  unknown_task: 'The stream entry names a task that does not exist.',
  future_fence: 'The stream entry carries a fence that its task has not reached.',
  wrong_stream: 'The stream entry names a task of another family than the stream.',
} as const

export type DeadMessageCode = keyof typeof DEAD_MESSAGES

/** The most that is kept of an entry, in bytes; what is longer is cut at a whole character. */
export const MAX_PAYLOAD_BYTES = 4096

/** A payload of no more bytes cannot have been cut: a cut takes at most 3 bytes too many. */
export const WHOLE_PAYLOAD_BYTES = MAX_PAYLOAD_BYTES - 4

export type DeadMessage = {
  id: string
  stream: string
  entryId: string
  /** The flat list of fields as JSON, cut to MAX_PAYLOAD_BYTES. */
  payload: string
  code: DeadMessageCode
}

/** Stores bad stream entries; one that is there already is left as it is. */
export function saveDeadMessages(messages: DeadMessage[]): Statement<never> {
  return {
    name: 'save-dead-messages',
    text: SAVE_DEAD_MESSAGES,
    params: [
      messages.map(({ id }) => id),
      messages.map(({ stream }) => stream),
      messages.map(({ entryId }) => entryId),
      messages.map(({ payload }) => payload),
      messages.map(({ code }) => code),
      messages.map(({ code }) => DEAD_MESSAGES[code]),
    ],
  }
}

const SAVE_DEAD_MESSAGES = `
INSERT INTO dead_letters (id, kind, source, original_id, payload, error_code, error_msg)
SELECT m.id, 'message', m.source, m.original_id, m.payload, m.error_code, m.error_msg
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
  AS m (id, source, original_id, payload, error_code, error_msg)
ON CONFLICT (source, original_id) WHERE kind = 'message' DO NOTHING`
