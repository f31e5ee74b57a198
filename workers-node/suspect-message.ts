import type { AnswerPart } from './call-model.ts'
import type { ModelFault } from './model-error.ts'

/** What the process of one call tells its parent, which has sent it the task. */
export type SuspectMessage =
  /** Its event loop turns: said every BEAT_MS. */
  | { type: 'beat' }
  | { type: 'part'; part: AnswerPart }
  | { type: 'end' }
  | { type: 'model-error'; fault: ModelFault }
  /** A failure that is not the model's; `code` is all that may be said of it. */
  | { type: 'failed'; code: string }

export const BEAT_MS = 1000
