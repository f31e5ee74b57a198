import { pino } from 'pino'

/**
 * JSON lines. Fields are ids, codes and counts: never a prompt, an answer, a secret, or the message
 * of an error that we did not write ourselves, as it may quote them.
 */
export const log = pino({ base: null, timestamp: pino.stdTimeFunctions.isoTime })

/** What the libraries call a time-out, in words that may change, and the code that we give it. */
const TIMED_OUT = /^(Command timed out|Query read timeout|timeout expired)/

/** What may be said of any error: its code where it has one, else its kind. */
export function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error
  const { code } = error as { code?: unknown }
  if (typeof code === 'string') return code
  return TIMED_OUT.test(error.message) ? 'ETIMEDOUT' : error.name
}

/** Where an error was thrown: the frames of its stack, without its message. */
export function placeOf(error: unknown): string[] {
  const stack = error instanceof Error ? (error.stack ?? '') : ''
  return stack.match(/^ {4}at .+$/gm)?.slice(0, 5) ?? []
}
