import type { MiddlewareHandler } from 'hono'
import { cors } from 'hono/cors'
import { isHttps } from './is-https.ts'
import { limitHeaders } from './limiter.ts'
import type { AppEnv } from './operation.ts'

/** What every answer carries that has not said otherwise: it is data, for nobody to show as a page. */
const HEADERS = {
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
}
const HTTPS_ONLY = 'max-age=31536000'

/** Adds them, and how the limits stand, to answers of every kind. */
export function answerHeaders(): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    await next()
    const limits = limitHeaders((await c.var.counting) ?? [])
    for (const [name, value] of Object.entries(limits)) c.header(name, value)
    for (const [name, value] of Object.entries(HEADERS)) {
      if (!c.res.headers.has(name)) c.header(name, value)
    }
    if (isHttps(c, { trustProxy: c.var.settings.TRUST_PROXY }))
      c.header('Strict-Transport-Security', HTTPS_ONLY)
  }
}

/** Lets pages of these origins use the API with a key. Cookies are for our own page alone. */
export function shareWith(origins: readonly string[]): MiddlewareHandler {
  return cors({
    origin: [...origins],
    allowMethods: ['GET', 'POST', 'PATCH', 'DELETE'],
    allowHeaders: [
      'Authorization',
      'Content-Type',
      'Idempotency-Key',
      'If-None-Match',
      'Prefer',
      'Traceparent',
      'X-Request-Id',
    ],
    exposeHeaders: [
      'Content-Disposition',
      'ETag',
      'Idempotent-Replayed',
      'Location',
      'Preference-Applied',
      'RateLimit',
      'RateLimit-Policy',
      'Retry-After',
      'X-Request-Id',
    ],
    maxAge: 600,
  })
}
