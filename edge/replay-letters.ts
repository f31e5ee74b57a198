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
import { wakeWorkers } from './wake-workers.ts'

/**
 * Replays dead letters for whoever asks, and rings what that gives: two round trips. `rung` is false where
 * Redis did not take it: tasks are then rung by a sweep, and messages count as not replayed. Without
 * `canRing` messages are left as they are.
 */
export async function replayLetters(
  c: Context<AppEnv>,
  ids: string[],
  canRing: boolean,
): Promise<{ verdicts: ReplayVerdict[]; rung: boolean }> {
  const { postgres, redis, owner, requestId } = c.var
  const replays = ids.map((letterId) => ({ letterId, auditId: uuidv7() }))
  const statement = replayDeadLetters(replays, { actor: owner, canRing })
  const verdicts = await runUncrossed(postgres, statement).catch((error: unknown) => {
    // It may have been done all the same: idle workers are to look for what nobody has rung.
    wakeWorkers(c)
    throw error
  })
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
