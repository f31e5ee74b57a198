import type { Context } from 'hono'
import { v7 as uuidv7 } from 'uuid'
import {
  type ReplayVerdict,
  replayDeadLetters,
  toRing,
} from '../drizzle/statements/replay-dead-letters.ts'
import type { PostgresDoor } from '../drizzle/statements/statement.ts'
import { takeBackReplays } from '../drizzle/statements/take-back-replays.ts'
import { codeOf } from './code-of.ts'
import { log } from './log.ts'
import type { AppEnv } from './operation.ts'
import { runUncrossed } from './run-uncrossed.ts'

/**
 * Replays dead letters for whoever asks, and rings what that gives: two round trips. `rung` is false where
 * Redis did not take it: tasks are then rung by a sweep, and messages count as not replayed. Without
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
  const { tasks, entries, letterIds } = toRing(verdicts)
  try {
    await redis.ring(
      tasks.map(({ task_id, ...task }) => ({ ...task, taskId: task_id })),
      entries,
    )
    return { verdicts, rung: true }
  } catch (error) {
    const code = codeOf(error)
    log('warn', 'replays not rung', { code, request_id: requestId })
    if (letterIds.length > 0) await takeBack(postgres, letterIds, requestId)
    return { verdicts, rung: false }
  }
}

/** Does not fail: a message that is marked can be replayed all the same, by its id. */
async function takeBack(
  postgres: PostgresDoor,
  letterIds: string[],
  requestId: string,
): Promise<void> {
  try {
    await runUncrossed(postgres, takeBackReplays(letterIds))
  } catch (error) {
    const code = codeOf(error)
    log('warn', 'replays not taken back', { code, request_id: requestId })
  }
}
