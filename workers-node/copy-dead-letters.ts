import {
  giveBackDeadLetters,
  takeUncopiedDeadLetters,
  uncopyNewestDeadLetters,
} from '../drizzle/statements/copy-dead-letters.ts'
import type { PostgresDoor } from '../drizzle/statements/statement.ts'
import type { NativeRedis } from './redis.ts'

const STEP = 200
/** About as many as the stream keeps. */
const NEWEST = 10_000

/**
 * Copies to the stream what has become a dead letter, and all of the newest where the stream has
 * lost them; returns how many. Throws when a door fails: the next time goes on from there. A copy may
 * stand there twice, or be missing where its worker died just then: the rows are what counts.
 */
export async function copyDeadLetters(doors: {
  postgres: PostgresDoor
  redis: NativeRedis
}): Promise<number> {
  const { postgres, redis } = doors
  if ((await redis.deadLettersInStream()) === 0) {
    await postgres.run(uncopyNewestDeadLetters(NEWEST))
  }
  for (let total = 0; ; ) {
    const letters = await postgres.run(takeUncopiedDeadLetters(STEP))
    if (letters.length > 0) {
      try {
        await redis.copyDeadLetters(letters)
      } catch (error) {
        await postgres.run(giveBackDeadLetters(letters.map(({ id }) => id)))
        throw error
      }
    }
    total += letters.length
    if (letters.length < STEP) return total
  }
}
