import { getConnInfo, serveStatic } from 'hono/deno'
import { SettingsError } from '../drizzle/contract/settings.ts'
import { createApp } from './app.ts'
import { lastWords } from './last-words.ts'
import { servePage } from './serve-page.ts'
import { openServices } from './services.ts'
import { readListenSettings } from './settings.ts'
import { Watches } from './watches.ts'

/** The gateway on Deno. */
declare const Deno: {
  env: { toObject(): Record<string, string> }
  exit(code: number): never
  serve(
    options: { port: number; hostname: string; onListen(address: { port: number }): void },
    handler: (request: Request, info: object) => Response | Promise<Response>,
  ): unknown
}

globalThis.addEventListener('error', ({ error }) => end(error))
globalThis.addEventListener('unhandledrejection', ({ reason }) => end(reason))

function end(error: unknown): never {
  lastWords(error)
  Deno.exit(1)
}

try {
  const environment = Deno.env.toObject()
  const { PORT, HOST } = readListenSettings(environment)
  const app = createApp(
    openServices(environment, {
      addressOf: (c) => getConnInfo(c).remote.address,
      watches: new Watches(),
    }),
  )
  servePage(app, serveStatic, './edge/page/dist')
  Deno.serve(
    {
      port: PORT,
      hostname: HOST,
      onListen: ({ port }) => console.log(`gateway ready http://${HOST}:${port}`),
    },
    (request, info) => app.fetch(request, info),
  )
} catch (error) {
  if (!(error instanceof SettingsError)) throw error
  console.error(error.message)
  Deno.exit(1)
}
