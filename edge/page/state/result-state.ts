import type { Result } from '../../../drizzle/contract/http-api.ts'
import { TaskStatus } from '../../../drizzle/contract/task-status.ts'
import { secondsSince, serverTime } from '../client/server-clock.ts'

/** `queued_at`: when it was put in the queue again, as seen here; the server tells of the first time only. */
export type ShownResult = Result & { queued_at?: string }

export type ResultState = 'queued' | 'thinking' | 'writing' | 'done' | 'failed' | 'cancelled'

/** What a person should see of a task's status. */
export function stateOf(result: Result): ResultState {
  switch (result.status) {
    case TaskStatus.PENDING:
      return 'queued'
    case TaskStatus.SUCCESS:
      return 'done'
    case TaskStatus.FAILED:
      return 'failed'
    case TaskStatus.CANCELLED:
      return 'cancelled'
    default:
      return result.response_text ? 'writing' : 'thinking'
  }
}

export function isOpen(result: Result): boolean {
  return result.status === TaskStatus.PENDING || result.status === TaskStatus.PROCESSING
}

/** How long it has been going on, or how long it took; null where it never began. In seconds. */
export function secondsOf(result: ShownResult): number | null {
  if (!isOpen(result)) return result.cost_time
  return secondsSince(result.started_at ?? result.queued_at ?? result.created_at)
}

/** An answer that is tried again waits from now on, not since its prompt was sent. */
export function withQueueTime(before: ShownResult | undefined, now: Result): ShownResult {
  if (!before || !isOpen(now)) return now
  return { ...now, queued_at: isOpen(before) ? before.queued_at : serverTime() }
}

/**
 * Partial text lives in a table that a database restart empties: while the same call goes on, an
 * empty text means "not known", and what the reader has stays.
 */
export function withKnownText(before: Result | undefined, now: Result): Result {
  if (!before || !isOpen(now) || now.response_text || now.reasoning_text) return now
  const sameCall = before.started_at === now.started_at && before.status === now.status
  if (!sameCall) return now
  const { response_text, reasoning_text } = before
  return { ...now, response_text, reasoning_text }
}

/**
 * The server tells how long a model reasoned when the answer has ended. Until then, and where it is cancelled,
 * it is what has been seen here: from the start to the first text.
 */
export function withThoughtTime(before: Result | undefined, now: Result): Result {
  const sameCall = before && before.started_at === now.started_at
  if (!sameCall || !now.started_at || now.reasoning_ms !== null) return now
  const begins = stateOf(before) === 'thinking' && stateOf(now) === 'writing'
  const seen = begins ? Math.round(secondsSince(now.started_at) * 1000) : null
  return { ...now, reasoning_ms: seen ?? before.reasoning_ms }
}
