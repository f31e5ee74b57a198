import type { Context, MiddlewareHandler } from 'hono'
import type { createApp } from './app.ts'
import { pageHeaders } from './page/page-headers.ts'

type ServeStatic = (options: {
  root: string
  onFound(path: string, c: Context): void
}) => MiddlewareHandler

/** Serves the page and the docs where the runtime does not do it by itself, as Cloudflare does. */
export function servePage(
  app: ReturnType<typeof createApp>,
  serveStatic: ServeStatic,
  root: string,
): void {
  app.get('/docs', (c) => c.redirect('/docs/', 307))
  app.get(
    '*',
    serveStatic({
      root,
      onFound(_, c) {
        for (const [name, value] of Object.entries(pageHeaders(c.req.path))) c.header(name, value)
      },
    }),
  )
}
