import { ModelError, type ModelFault } from './model-error.ts'

/** How long the parts of a call may take, in ms. */
export type CallTimeouts = { firstTokenMs: number; idleMs: number; totalMs: number }

/** Timers that fire this late were held up with all of the process, its reading included. */
const HELD_UP_MS = 1000

/**
 * Aborts `signal` with a ModelError when a call takes too long: in all, with what is done ahead of the
 * request, until its first text, or between two. By the monotonic clock; the timers keep no process
 * alive.
 */
export class CallTimers {
  private readonly ending = new AbortController()
  private readonly timeouts: CallTimeouts
  private readonly total: NodeJS.Timeout
  private quiet: NodeJS.Timeout | undefined
  private blamed: ModelFault['node'] = 'unasked'

  constructor(timeouts: CallTimeouts) {
    this.timeouts = timeouts
    this.total = setTimeout(() => this.end(this.outOfTime()), timeouts.totalMs).unref()
  }

  get signal(): AbortSignal {
    return this.ending.signal
  }

  /** Gives a node a file, whose silence is then a fault of its. */
  async uploading<Given>(upload: () => Promise<Given>): Promise<Given> {
    this.blamed = 'fault'
    const given = await upload()
    this.blamed = 'unasked'
    return given
  }

  /** The request goes out. */
  asked(): void {
    this.blamed = null
    this.quiet = this.within(this.timeouts.firstTokenMs, 'first_token_timeout')
  }

  /** Text or reasoning has come. */
  heard(): void {
    clearTimeout(this.quiet)
    this.quiet = this.within(this.timeouts.idleMs, 'idle_timeout')
  }

  /** Nothing more is awaited of this request. */
  answered(): void {
    clearTimeout(this.quiet)
  }

  clear(): void {
    clearTimeout(this.total)
    clearTimeout(this.quiet)
  }

  /** Before a node was asked, another try is not in vain. */
  private outOfTime(): ModelError {
    const node = this.blamed
    return new ModelError({ code: 'model_timeout', retryable: node === 'unasked', node })
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
