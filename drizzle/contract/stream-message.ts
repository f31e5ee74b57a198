import { z } from 'zod'

/**
 * One entry of a family's stream: "look at this task". It carries ids and never a prompt, so that
 * nothing private stands in Redis. `traceparent` follows W3C Trace Context.
 */
export const streamMessage = z.object({
  task_id: z.uuid(),
  fence: z
    .string()
    .regex(/^\d{1,9}$/)
    .transform(Number),
  traceparent: z
    .string()
    .regex(/^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/)
    .optional(),
})

/** A message on its way out: `XADD {stream} * task_id … fence … traceparent …`. */
export type Ring = { family: string; taskId: string; fence: number; traceparent: string }

/** The field list of an XADD, in the order in which it is written. */
export function streamFields(ring: Ring): Record<'task_id' | 'fence' | 'traceparent', string> {
  return { task_id: ring.taskId, fence: String(ring.fence), traceparent: ring.traceparent }
}

export const DEAD_LETTER_STREAM = 'sys_dead_letters'

/** Whoever publishes here, whatever the message, asks all workers to look for work at once. */
export const WAKE_CHANNEL = 'wake'
