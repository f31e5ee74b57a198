/**
 * For how many more tasks of one family the nodes have room, as far as this process knows: what the
 * database said last, and what has been read and has ended here since. It bounds what is read, so
 * that what no node has room for stays in the stream.
 */
export class Room {
  private room: number
  private waiting: (() => void)[] = []

  constructor(room: number) {
    this.room = room
  }

  get left(): number {
    return Math.max(this.room, 0)
  }

  /** What the database says; null where no node bounds the family. */
  is(room: number | null): void {
    this.room = room ?? Number.POSITIVE_INFINITY
    if (this.room > 0) this.wake()
  }

  /** So many tasks have left their nodes, or are on their way to them (less than 0). */
  add(change: number): void {
    this.is(this.room + change)
  }

  /** Resolves when there is some, or when stopping. */
  async untilSome(stopping: AbortSignal): Promise<void> {
    while (this.room <= 0 && !stopping.aborted) {
      await new Promise<void>((resolve) => this.waiting.push(resolve))
    }
  }

  /** Lets those that wait look again. */
  wake(): void {
    for (const wake of this.waiting.splice(0)) wake()
  }
}
