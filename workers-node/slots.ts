import { Sleepers } from './sleepers.ts'

/** How many calls of one family may run at once in this process. */
export class Slots {
  private readonly total: number
  private readonly onAllFree: () => void
  private taken = 0
  private readonly sleepers = new Sleepers()

  /** `onAllFree` is called whenever the last one that was taken is free again. */
  constructor(total: number, onAllFree = () => {}) {
    this.total = total
    this.onAllFree = onAllFree
  }

  get free(): number {
    return this.total - this.taken
  }

  get allFree(): boolean {
    return this.taken === 0
  }

  take(count: number): void {
    this.taken += count
  }

  release(count = 1): void {
    if (count === 0) return
    this.taken -= count
    if (this.allFree) this.onAllFree()
    this.wake()
  }

  /** Resolves when at least one is free, or when stopping. */
  async untilFree(stopping: AbortSignal): Promise<void> {
    await this.sleepers.until(() => this.free > 0, stopping)
  }

  /** Lets those that wait look again. */
  wake(): void {
    this.sleepers.wake()
  }
}
