import { Sleepers } from './sleepers.ts'

/**
 * For how many more tasks of one family the nodes have room, as far as this process knows: what the
 * database said last, and what has been read and has left its node here since. It bounds what is read,
 * so that what no node has room for stays in the stream.
 */
export class Room {
  private room: number
  private readonly onNone: () => void
  private readonly sleepers = new Sleepers()

  /** `onNone` is called when there is none any more: nothing here may make any, so somebody has to look. */
  constructor(room: number, onNone: () => void) {
    this.room = room
    this.onNone = onNone
  }

  get left(): number {
    return Math.max(this.room, 0)
  }

  /** What the database says; null where no node bounds the family. */
  is(room: number | null): void {
    const had = this.room > 0
    this.room = room ?? Number.POSITIVE_INFINITY
    if (this.room > 0) this.wake()
    else if (had) this.onNone()
  }

  /** So many tasks have left their nodes, or are on their way to them (less than 0). */
  add(change: number): void {
    this.is(this.room + change)
  }

  /** Resolves when there is some, or when stopping. */
  async untilSome(stopping: AbortSignal): Promise<void> {
    await this.sleepers.until(() => this.room > 0, stopping)
  }

  /** Lets those that wait look again. */
  wake(): void {
    this.sleepers.wake()
  }
}
