import type { PostgresDoor, Statement } from '../drizzle/statements/statement.ts'
import { DatabaseError } from './neon.ts'

/** Waits before a statement is repeated when nobody knows whether it was carried out, in ms. */
const REPEAT_AFTER_MS = [100, 500]

/** Runs a statement whose repetition is harmless; while its outcome is unknown, again. */
export async function runKnowingly<Row>(
  postgres: PostgresDoor,
  statement: Statement<Row>,
): Promise<Row[]> {
  for (const wait of REPEAT_AFTER_MS) {
    try {
      return await postgres.run(statement)
    } catch (error) {
      if (!(error instanceof DatabaseError && error.outcomeUnknown)) throw error
      await new Promise((resolve) => setTimeout(resolve, wait))
    }
  }
  return postgres.run(statement)
}
