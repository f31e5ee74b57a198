import type { PostgresDoor, Statement } from '../drizzle/statements/statement.ts'
import { DatabaseError } from './neon.ts'

const TRIES = 4
const FIRST_PAUSE_MS = 50

/** Runs a statement, again where it got into the way of another one: nothing of it was carried out then. */
export async function runUncrossed<Row>(
  postgres: PostgresDoor,
  statement: Statement<Row>,
): Promise<Row[]> {
  for (let tries = 1; ; tries++) {
    try {
      return await postgres.run(statement)
    } catch (error) {
      if (!(error instanceof DatabaseError && error.crossed) || tries === TRIES) throw error
      await pauseAfter(tries)
    }
  }
}

/** Lets others go first: 25 to 50 ms after the first try, and twice as long after each more. */
export function pauseAfter(tries: number): Promise<void> {
  const ms = FIRST_PAUSE_MS * 2 ** (tries - 1) * (0.5 + Math.random() / 2)
  return new Promise((resolve) => setTimeout(resolve, ms))
}
