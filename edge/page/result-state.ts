import type { Result } from '../../drizzle/contract/http-api.ts'
import { TaskStatus } from '../../drizzle/contract/task-status.ts'
import { secondsSince } from './client/server-clock.ts'

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

export function isOpen(state: ResultState): boolean {
  return state === 'queued' || state === 'thinking' || state === 'writing'
}

/** The time beside the state: how long it has been going on, or how long it took. */
export function timeOf(result: Result): string {
  if (!isOpen(stateOf(result))) return result.cost_time === null ? '' : seconds(result.cost_time, 1)
  return seconds(secondsSince(result.started_at ?? result.created_at), 0)
}

function seconds(value: number, digits: number): string {
  if (value < 60) return `${value.toFixed(digits)} s`
  return `${Math.floor(value / 60)} min ${Math.floor(value % 60)} s`
}
