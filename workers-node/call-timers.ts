import { ModelError } from './model-error.ts'

/** How long the parts of a call may take, in ms. */
export type CallTimeouts = { firstTokenMs: number; idleMs: number; totalMs: number }

/** Timers that fire this late were held up with all of the process, its reading included. */
const HELD_UP_MS = 1000

/**
 * Aborts `signal` with a ModelError when a call takes too long: until its first text, between two, or
 * in all. By the monotonic clock; the timers keep no process alive.
 */
export class CallTimers {
  private readonly ending = new AbortController()
  private readonly idleMs: number
  private readonly total: NodeJS.Timeout
  private quiet: NodeJS.Timeout

  constructor({ firstTokenMs, idleMs, totalMs }: CallTimeouts) {
    this.idleMs = idleMs
    this.total = setTimeout(
      () => this.end(new ModelError({ code: 'model_timeout' })),
      totalMs,
    ).unref()
    this.quiet = this.within(firstTokenMs, 'first_token_timeout')
  }

  get signal(): AbortSignal {
    return this.ending.signal
  }

  /** Text or reasoning has come. */
  heard(): void {
    clearTimeout(this.quiet)
    this.quiet = this.within(this.idleMs, 'idle_timeout')
  }

  clear(): void {
    clearTimeout(this.total)
    clearTimeout(this.quiet)
  }

  private within(ms: number, code: 'first_token_timeout' | 'idle_timeout'): NodeJS.Timeout {
    const due = performance.now() + ms
    const late = () => {
      // After a pause of the whole process, what came in the meantime is still unread.
      if (performance.now() - due > HELD_UP_MS) this.quiet = this.within(HELD_UP_MS, code)
      else this.end(new ModelError({ code, node: 'fault' }))
    }
    return setTimeout(late, ms).unref()
  }

  private end(error: ModelError): void {
    this.clear()
    this.ending.abort(error)
  }
}
