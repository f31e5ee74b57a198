/** The state of one model call, as stored and as sent. `docs/state-machine.md` draws the moves. */
export const TaskStatus = {
  PENDING: 0,
  SUCCESS: 1,
  FAILED: 2,
  PROCESSING: 3,
  CANCELLED: 4,
} as const

export type TaskStatus = (typeof TaskStatus)[keyof typeof TaskStatus]

/** The state of a batch follows from its tasks' states; the database computes it (see `schema.ts`). */
export const BATCH_STATUSES = ['PROCESSING', 'COMPLETED', 'PARTIAL', 'FAILED', 'CANCELLED'] as const
