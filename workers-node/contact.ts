import { PostgresError } from './postgres.ts'

/** For how long a worker has been awake and in contact with Postgres without a break. */
export class Contact {
  private since = performance.now()
  private lastTick = performance.now()

  /** Does something with Postgres; if that fails, contact begins anew. Throws what it throws. */
  async during<Result>(act: () => Promise<Result>): Promise<Result> {
    try {
      return await act()
    } catch (error) {
      if (error instanceof PostgresError) this.since = performance.now()
      throw error
    }
  }

  /** Said often; a silence of more than `gapMs` means that this process itself stood still. */
  tick(gapMs: number): void {
    const now = performance.now()
    if (now - this.lastTick > gapMs) this.since = now
    this.lastTick = now
  }

  lastsMs(): number {
    return performance.now() - this.since
  }
}
