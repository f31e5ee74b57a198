import type { PostgresDoor, Statement } from '../drizzle/statements/statement.ts'
import { DatabaseError } from './neon.ts'
import { runUncrossed } from './run-uncrossed.ts'

/** Waits before a statement is repeated when nobody knows whether it was carried out, in ms. */
const REPEAT_AFTER_MS = [100, 500]

/**
 * Runs a statement whose repetition is harmless; while its outcome is unknown, and where it got into the way
 * of another one, again. Once it is, only
 * rows make it known: that a repeat was refused says nothing of the try before it.
 */
export async function runKnowingly<Row>(
  postgres: PostgresDoor,
  statement: Statement<Row>,
): Promise<Row[]> {
  for (let repeats = 0; ; repeats++) {
    try {
      return await runUncrossed(postgres, statement)
    } catch (error) {
      if (!(error instanceof DatabaseError)) throw error
      if (!error.outcomeUnknown && repeats > 0) throw new DatabaseError(error.code, true)
      const wait = REPEAT_AFTER_MS[repeats]
      if (!error.outcomeUnknown || wait === undefined) throw error
      await new Promise((resolve) => setTimeout(resolve, wait))
    }
  }
}
