import type { ExecutionContext } from 'hono'
import { getConnInfo } from 'hono/cloudflare-workers'
import { createApp } from './app.ts'
import { openServices } from './services.ts'

let app: ReturnType<typeof createApp> | undefined

/** The gateway on Cloudflare Workers; the runtime itself serves the page (`[assets]`). */
export default {
  fetch(
    request: Request,
    env: Record<string, unknown>,
    context: ExecutionContext,
  ): Response | Promise<Response> {
    app ??= createApp(openServices(env, { addressOf: (c) => getConnInfo(c).remote.address }))
    return app.fetch(request, env, context)
  },
}
