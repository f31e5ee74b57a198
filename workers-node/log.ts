import { pino } from 'pino'

/**
 * JSON lines. Fields are ids, codes and counts: never a prompt, an answer, a secret, or the message
 * of an error that we did not write ourselves, as it may quote them.
 */
export const log = pino({ base: null, timestamp: pino.stdTimeFunctions.isoTime })

/** What may be said of any error: its code where it has one, else its kind. */
export function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error
  const { code } = error as { code?: unknown }
  return typeof code === 'string' ? code : error.name
}
