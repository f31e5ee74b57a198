import type { MiddlewareHandler } from 'hono'

/**
 * Lets nobody on the way keep an answer, and its reader only to ask whether it still holds. An answer
 * that says something else of itself, as a file does, is left so.
 */
export const keepPrivate: MiddlewareHandler = async (c, next) => {
  await next()
  if (!c.res.headers.has('Cache-Control')) c.header('Cache-Control', 'private, no-cache')
}
