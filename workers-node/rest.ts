/** Another worker may find out sooner that the node is back. */
const MOST_MS = 5_000

/** A pause in the reading of a family whose node may not be called. */
export class Rest {
  private until = 0
  private timer: NodeJS.Timeout | undefined
  private waiting: (() => void)[] = []

  /** Begins, or goes on for, at most 5 s. */
  begin(ms: number): void {
    this.until = Math.max(this.until, performance.now() + Math.min(ms, MOST_MS))
  }

  /** Ends it now. */
  end(): void {
    this.until = 0
    clearTimeout(this.timer)
    for (const wake of this.waiting.splice(0)) wake()
  }

  async untilOver(): Promise<void> {
    for (let ms = this.left(); ms > 0; ms = this.left()) {
      await new Promise<void>((resolve) => {
        this.waiting.push(resolve)
        this.timer = setTimeout(() => this.end(), ms)
      })
    }
  }

  private left(): number {
    return this.until - performance.now()
  }
}
