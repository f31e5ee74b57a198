import type { Context } from 'hono'

/** Lets something go on while the answer goes out, and after it. It must not fail. */
export function afterAnswer(c: Context, something: Promise<void>): void {
  try {
    c.executionCtx.waitUntil(something)
  } catch {
    // So Hono says that this runtime has no such context: it ends nothing with the answer.
  }
}
