import type { PostgresDoor } from '../drizzle/statements/statement.ts'
import { PostgresError } from './postgres.ts'

/**
 * An answer that takes longer counts as a break, in ms: for so long Postgres may have stood still.
 * Less than the time in which a session lock is given up for dead.
 */
const SLOW_MS = 1_500

/** For how long a worker has been awake and in contact with Postgres without a break. */
export class Contact {
  private since = performance.now()
  private lastTick = performance.now()

  /** The same door; with each statement that fails or is slow, contact begins anew. */
  through(door: PostgresDoor): PostgresDoor {
    return {
      run: async (statement) => {
        const began = performance.now()
        try {
          return await door.run(statement)
        } catch (error) {
          if (error instanceof PostgresError) this.since = performance.now()
          throw error
        } finally {
          if (performance.now() - began > SLOW_MS) this.since = performance.now()
        }
      },
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
