import type { Context } from 'hono'

/** What the body is said to be, without parameters; '' where nothing is said. */
export function mediaTypeOf(c: Context): string {
  return (c.req.header('content-type') ?? '').split(';')[0]!.trim().toLowerCase()
}
