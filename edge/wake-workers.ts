import type { Context } from 'hono'
import { afterAnswer } from './after-answer.ts'
import { codeOf } from './code-of.ts'
import { log } from './log.ts'
import type { AppEnv } from './operation.ts'

/** Asks the workers to look for work, while the answer to this request goes out. */
export function wakeWorkers(c: Context<AppEnv>): void {
  const { redis, requestId } = c.var
  afterAnswer(
    c,
    redis.wake().catch((error: unknown) => {
      const code = codeOf(error)
      log('warn', 'workers not woken', { code, request_id: requestId })
    }),
  )
}
