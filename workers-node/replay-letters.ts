import { v7 as uuidv7 } from 'uuid'
import {
  type ReplayVerdict,
  replayDeadLetters,
  toRing,
} from '../drizzle/statements/replay-dead-letters.ts'
import type { PostgresDoor } from '../drizzle/statements/statement.ts'
import { takeBackReplays } from '../drizzle/statements/take-back-replays.ts'
import { codeOf } from './log.ts'
import type { NativeRedis } from './redis.ts'
import { ring } from './sweep.ts'

export type ReplayDoors = {
  postgres: PostgresDoor
  /** Null while it is away: then tasks are replayed all the same, and messages are not. */
  redis: NativeRedis | null
}

/**
 * Replays dead letters, and rings what that gives: a task as it now is, a message with the fields
 * that it had. Returns a verdict for each, and the code of what went wrong where Redis did not take
 * them; messages then count as not replayed. Throws PostgresError.
 */
export async function replayLetters(
  { postgres, redis }: ReplayDoors,
  ids: string[],
  actor: string,
): Promise<{ verdicts: ReplayVerdict[]; notRung: string | null }> {
  const replays = ids.map((letterId) => ({ letterId, auditId: uuidv7() }))
  const canRing = redis !== null
  const verdicts = await postgres
    .run(replayDeadLetters(replays, { actor, canRing }))
    .catch(async (error: unknown) => {
      // It may have been done all the same: idle workers are to look for what nobody has rung.
      await redis?.wake().catch(() => {})
      throw error
    })
  if (!redis) return { verdicts, notRung: null }
  const { tasks, entries, letterIds } = toRing(verdicts)
  try {
    await ring(redis, tasks)
    if (entries.length > 0) await redis.addEntries(entries)
    return { verdicts, notRung: null }
  } catch (error) {
    if (letterIds.length > 0) await postgres.run(takeBackReplays(letterIds))
    return { verdicts, notRung: codeOf(error) }
  }
}
