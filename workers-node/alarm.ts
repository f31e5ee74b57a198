import { Backoff } from './backoff.ts'
import { codeOf, log } from './log.ts'

/** setTimeout takes no more. */
const MOST_MS = 2 ** 31 - 1

/**
 * Does something at times that it sets itself, and never twice at once: `act` returns after how many
 * ms it is to be done next, Infinity for not before it is asked. A failure is logged by its code and
 * tried again, after growing waits.
 */
export class Alarm {
  private readonly what: string
  private readonly act: () => Promise<number>
  private readonly backoff: Backoff
  private dueAt = 0
  private ranAt = Number.NEGATIVE_INFINITY
  private timer: NodeJS.Timeout | undefined
  private running: Promise<void> | undefined
  private stopped = false

  constructor(
    what: string,
    act: () => Promise<number>,
    limits: { first: number; most: number } = { first: 100, most: 2_000 },
  ) {
    this.what = what
    this.act = act
    this.backoff = new Backoff(limits)
    this.arm()
  }

  /** Has it done in `ms` at the latest, but not within `gapMs` of the beginning of the last time. */
  bringForward(ms = 0, gapMs = 0): void {
    const at = Math.max(performance.now() + ms, this.ranAt + gapMs)
    if (at >= this.dueAt || this.stopped) return
    this.dueAt = at
    this.arm()
  }

  /** Has it done now, unless the last time began within `gapMs`. */
  unlessWithin(gapMs: number): void {
    if (performance.now() - this.ranAt >= gapMs) this.bringForward()
  }

  /** Resolves when the one under way is done. */
  async stop(): Promise<void> {
    this.stopped = true
    clearTimeout(this.timer)
    await this.running
  }

  private arm(): void {
    clearTimeout(this.timer)
    if (this.running || this.stopped) return
    const ms = Math.min(Math.max(this.dueAt - performance.now(), 0), MOST_MS)
    this.timer = setTimeout(() => {
      this.running = this.run().finally(() => {
        this.running = undefined
        this.arm()
      })
    }, ms)
  }

  private async run(): Promise<void> {
    this.ranAt = performance.now()
    this.dueAt = Number.POSITIVE_INFINITY
    let ms: number
    try {
      ms = await this.act()
      this.backoff.reset()
    } catch (error) {
      log.warn({ code: codeOf(error) }, `${this.what} failed`)
      ms = this.backoff.nextMs()
    }
    this.bringForward(ms)
  }
}
