import { type Signal, signal } from '@preact/signals'
import type { Batch, Result } from '../../../drizzle/contract/http-api.ts'
import type { Say } from '../words/words.ts'
import { announce } from './announcer.ts'
import { isOpen, stateOf, withKnownText, withQueueTime, withThoughtTime } from './result-state.ts'

/** What is shown of a batch. */
export type ShownBatch = Pick<
  Batch,
  'user_prompt' | 'mode' | 'files' | 'results' | 'status' | 'chosen_task_id'
>

/** What could not be done about it, or be asked; `error`: why. */
export type TurnProblem = { say: Say; error: unknown }

/** One prompt and the answers to it. */
export type Turn = {
  id: string
  batch: Signal<ShownBatch>
  problem: Signal<TurnProblem | null>
  /** Ends the polling of it; null while there is none. */
  following: AbortController | null
  /** What is being changed of it, and has not been answered. */
  changing: Set<string>
}

export function createTurn(id: string, batch: ShownBatch): Turn {
  return {
    id,
    batch: signal(batch),
    problem: signal(null),
    following: null,
    changing: new Set(),
  }
}

/** Shows what the server says of it now, and tells of the answers that have ended. */
export function showBatch(turn: Turn, now: ShownBatch): void {
  const before = new Map(turn.batch.value.results.map((result) => [result.task_id, result]))
  const results = now.results.map((result) => {
    const old = before.get(result.task_id)
    return withQueueTime(old, withThoughtTime(old, withKnownText(old, result)))
  })
  turn.batch.value = { ...now, results }
  for (const result of results) {
    const old = before.get(result.task_id)
    if (old && isOpen(old) && !isOpen(result)) tellEnd(result)
  }
}

/** Shows one answer as the server says that it is now. */
export function showResult(turn: Turn, result: Result): void {
  const before = turn.batch.value
  const results = before.results.map((old) => (old.task_id === result.task_id ? result : old))
  showBatch(turn, { ...before, results })
}

function tellEnd(result: Result): void {
  announce((words) => `${result.model_name}: ${words.states[stateOf(result)]}`)
}
