import { setTimeout as pause } from 'node:timers/promises'

/** Growing waits between attempts, in ms: each twice the one before, from `first` up to `most`. */
export class Backoff {
  private readonly limits: { first: number; most: number }
  private next: number

  constructor(limits: { first: number; most: number }) {
    this.limits = limits
    this.next = limits.first
  }

  async pause(): Promise<void> {
    await pause(this.nextMs())
  }

  /** How long the next wait is, in ms; the one after it is twice as long. */
  nextMs(): number {
    const ms = this.next
    this.next = Math.min(ms * 2, this.limits.most)
    return ms
  }

  /** Begins anew after a success. */
  reset(): void {
    this.next = this.limits.first
  }
}
