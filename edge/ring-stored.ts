import type { Context } from 'hono'
import type { Ring } from '../drizzle/contract/stream-message.ts'
import { codeOf } from './code-of.ts'
import { log } from './log.ts'
import type { AppEnv } from './operation.ts'

/**
 * Rings tasks that are stored; `about` says in the log whose they are. Does not fail: the rows stand, and a
 * worker's sweep rings what was not rung.
 */
export async function ringStored(
  { var: { redis, requestId } }: Context<AppEnv>,
  rings: Ring[],
  about: { batch_id: string } | { task_id: string },
): Promise<void> {
  try {
    await redis.ring(rings)
  } catch (error) {
    log('warn', 'not rung', { code: codeOf(error), ...about, request_id: requestId })
  }
}
