import type { Context } from 'hono'
import { v7 as uuidv7 } from 'uuid'
import {
  type ReplayVerdict,
  replayDeadLetters,
  toRing,
} from '../drizzle/statements/replay-dead-letters.ts'
import { log } from './log.ts'
import type { AppEnv } from './operation.ts'
import { runUncrossed } from './run-uncrossed.ts'
import { RedisError } from './upstash.ts'

/**
 * Replays dead letters for whoever asks, and rings what that gives: two round trips. `rung` is false where
 * Redis did not take it: tasks are then rung by a sweep, and messages are to be replayed again. Without
 * `canRing` messages are left as they are.
 */
export async function replayLetters(
  { var: { postgres, redis, owner, requestId } }: Context<AppEnv>,
  ids: string[],
  canRing: boolean,
): Promise<{ verdicts: ReplayVerdict[]; rung: boolean }> {
  const replays = ids.map((letterId) => ({ letterId, auditId: uuidv7() }))
  const verdicts = await runUncrossed(
    postgres,
    replayDeadLetters(replays, { actor: owner, canRing }),
  )
  const { tasks, entries } = toRing(verdicts)
  try {
    await redis.ring(
      tasks.map(({ task_id, ...task }) => ({ ...task, taskId: task_id })),
      entries,
    )
    return { verdicts, rung: true }
  } catch (error) {
    const code = error instanceof RedisError ? error.code : 'internal'
    log('warn', 'replays not rung', { code, request_id: requestId })
    return { verdicts, rung: false }
  }
}
