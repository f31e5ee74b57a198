import type { BrokenLimit, SubmitLimits } from '../drizzle/statements/submit-limits.ts'
import { ApiError } from './api-error.ts'
import type { EdgeSettings } from './settings.ts'

/** When to try again, in seconds: one's own answers end sooner than a long queue does. */
const RETRY_AFTER_S = { open_tasks: 5, queue_depth: 30 }

/** How much may be under way, by the settings. */
export function limitsOf({ MAX_OPEN_TASKS, MAX_QUEUE_DEPTH }: EdgeSettings): SubmitLimits {
  return { openTasks: MAX_OPEN_TASKS, queueDepth: MAX_QUEUE_DEPTH }
}

/** 429, for what would break a limit. */
export function overLimit(broken: BrokenLimit, { openTasks, queueDepth }: SubmitLimits): ApiError {
  const message = {
    open_tasks: `You may have at most ${openTasks} open tasks. Wait until some have finished, or cancel some.`,
    queue_depth: `At most ${queueDepth} tasks may wait for the same kind of model. Try again later.`,
  }[broken]
  return new ApiError('rate_limited', message, null, RETRY_AFTER_S[broken])
}
