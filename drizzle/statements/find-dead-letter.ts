import type { TaskStatus } from '../contract/task-status.ts'
import type { DeadLetterRow } from './list-dead-letters.ts'
import { isoUtc, type Statement } from './statement.ts'

export type DeadLetter = DeadLetterRow & {
  payload: string
  error_msg: string
  copied_at: string | null
  /** What has become of the task; null where there is none, or none any more. */
  task_status: TaskStatus | null
}

/** One dead letter, and the state of its task; no row where there is none. */
export function findDeadLetter(id: string): Statement<DeadLetter> {
  return { name: 'find-dead-letter', text: FIND_DEAD_LETTER, params: [id] }
}

const FIND_DEAD_LETTER = `
SELECT d.id, d.kind, d.source, d.original_id, d.payload, d.error_code, d.error_msg,
  ${isoUtc('d.created_at')} AS created_at, ${isoUtc('d.replayed_at')} AS replayed_at,
  ${isoUtc('d.copied_at')} AS copied_at, t.status AS task_status
FROM dead_letters d LEFT JOIN tasks t ON t.id = d.task_id
WHERE d.id = $1::uuid`
