import type { Context } from 'hono'

/**
 * Lets something go on while the answer goes out, and after it, though the client may hang up. Where
 * it fails, somebody else must know.
 */
export function afterAnswer(c: Context, something: Promise<unknown>): void {
  try {
    c.executionCtx.waitUntil(Promise.allSettled([something]))
  } catch {
    // So Hono says that this runtime has no such context: it ends nothing with the answer.
  }
}
