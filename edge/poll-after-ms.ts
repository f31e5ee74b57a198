import type { Result } from '../drizzle/contract/http-api.ts'
import { familyOfModel } from '../drizzle/contract/models.ts'
import { TaskStatus } from '../drizzle/contract/task-status.ts'

const LEAST_MS = 500
const MOST_MS = 5000
/** Workers save the text so far so often, by default. */
const TEXT_GROWS_MS = 1000
/** For a model that is in no family any more. */
const USUAL_MS = 1000
/** What has shown nothing for so long is asked for later by a part of that: it is seen 12 % late at most. */
const PATIENCE = 1 / 8

type Polled = Pick<
  Result,
  'model' | 'status' | 'response_text' | 'reasoning_text' | 'created_at' | 'started_at'
>

/**
 * When a client should ask for a batch again: as soon as the quickest of its open tasks is worth it;
 * null when there is none. A text that grows is worth it as often as it is saved. Before there is any,
 * its family says how soon at first (`pollAfterMs`), and then it is asked for ever more slowly, whether it
 * waits in the queue or the model thinks in silence. `now` in ms since 1970.
 */
export function pollAfterMs(results: readonly Polled[], now: number): number | null {
  const waits = results.flatMap((result) => {
    const { status, response_text, reasoning_text } = result
    if (status !== TaskStatus.PENDING && status !== TaskStatus.PROCESSING) return []
    if (response_text || reasoning_text) return [TEXT_GROWS_MS]
    const silentMs = now - Date.parse(result.started_at ?? result.created_at)
    const first = familyOfModel(result.model)?.pollAfterMs ?? USUAL_MS
    return [Math.max(first, Math.round(silentMs * PATIENCE))]
  })
  if (waits.length === 0) return null
  return Math.min(Math.max(Math.min(...waits), LEAST_MS), MOST_MS)
}
