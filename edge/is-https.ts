import type { Context } from 'hono'
import type { AppEnv } from './operation.ts'

/** Whether the client speaks TLS, be it with the proxy in front of us. */
export function isHttps(c: Context<AppEnv>): boolean {
  const forwarded = c.var.settings.TRUST_PROXY ? c.req.header('x-forwarded-proto') : undefined
  return forwarded ? forwarded === 'https' : c.req.url.startsWith('https:')
}
