import { pino } from 'pino'
import type { ClaimedTask } from '../drizzle/statements/claim-tasks-if-pending.ts'

export { placeOf } from '../drizzle/contract/place-of.ts'

/** A line of level error or fatal, as its caller gave it. */
export type ErrorLine = {
  level: 'error' | 'fatal'
  fields: Record<string, unknown>
  msg: string
}

const ERROR = 50
const FATAL = 60

/** Who is told each error line too, and can be asked to have written what it was told. */
export type ErrorWatcher = { tell(line: ErrorLine): void; write(): Promise<void> }

let watcher: ErrorWatcher | undefined

/**
 * JSON lines. Fields are ids, codes and counts: never a prompt, an answer, a secret, or the message
 * of an error that we did not write ourselves, as it may quote them.
 */
export const log = pino({
  base: null,
  timestamp: pino.stdTimeFunctions.isoTime,
  hooks: {
    logMethod(args, method, level) {
      if (level >= ERROR) watcher?.tell(errorLine(args, level))
      method.apply(this, args)
    },
  },
})

/** What every line about a task names: the task, and the request that asked for it. */
export function about({ id, request_id }: Pick<ClaimedTask, 'id' | 'request_id'>) {
  return { task_id: id, request_id }
}

/** Tells each error line to this watcher too, until the next call. It must be quick, and not log. */
export function watchErrors(watch: ErrorWatcher | undefined): void {
  watcher = watch
}

/** Resolves when the watcher, where there is one, has written what it was told so far. */
export async function errorsWritten(): Promise<void> {
  await watcher?.write()
}

function errorLine(args: readonly unknown[], level: number): ErrorLine {
  const [first, second] = args
  const [fields, msg] = typeof first === 'object' ? [first, second] : [{}, first]
  return {
    level: level >= FATAL ? 'fatal' : 'error',
    fields: (fields ?? {}) as Record<string, unknown>,
    msg: String(msg ?? ''),
  }
}

/** What the libraries call a time-out, in words that may change, and the code that we give it. */
const TIMED_OUT = /^(Command timed out|Query read timeout|timeout expired)/

/** What may be said of any error: its code where it has one, else its kind. */
export function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error
  const { code } = error as { code?: unknown }
  if (typeof code === 'string') return code
  return TIMED_OUT.test(error.message) ? 'ETIMEDOUT' : error.name
}
