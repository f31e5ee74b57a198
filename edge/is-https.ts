import type { Context } from 'hono'

/** Whether the client speaks TLS: with us, or with the one proxy in front of us that is trusted. */
export function isHttps(c: Context, { trustProxy }: { trustProxy: boolean }): boolean {
  const forwarded = trustProxy ? c.req.header('x-forwarded-proto') : undefined
  if (forwarded === undefined) return c.req.url.startsWith('https:')
  return forwarded.split(',').at(-1)!.trim() === 'https'
}
