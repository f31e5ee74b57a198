import type { Server } from 'node:http'
import { fileURLToPath } from 'node:url'
import { serve } from '@hono/node-server'
import { getConnInfo } from '@hono/node-server/conninfo'
import { serveStatic } from '@hono/node-server/serve-static'
import { SettingsError } from '../drizzle/contract/settings.ts'
import type { AddressOf } from './address-of.ts'
import { createApp } from './app.ts'
import { gracefulEnd } from './graceful-end.ts'
import { lastWords } from './last-words.ts'
import { servePage } from './serve-page.ts'
import { openServices } from './services.ts'
import { readListenSettings } from './settings.ts'
import { openFolder } from './stores/folder.ts'
import { Watches } from './watches.ts'

const addressOf: AddressOf = (c) => getConnInfo(c).remote.address

process.on('uncaughtException', (error) => {
  lastWords(error)
  process.exit(1)
})

/** The gateway on Node. */
try {
  const { PORT, HOST } = readListenSettings(process.env)
  const watches = new Watches()
  const app = createApp(openServices(process.env, { addressOf, openFolder, watches }))
  servePage(app, serveStatic, fileURLToPath(new URL('./page/dist', import.meta.url)))
  const server = serve({ fetch: app.fetch, port: PORT, hostname: HOST }, ({ port }) =>
    console.log(`gateway ready http://${HOST}:${port}`),
  )
  server.on('error', (error: NodeJS.ErrnoException) => {
    console.error(
      `the gateway cannot listen on ${HOST}:${PORT} (${error.code}): choose another PORT`,
    )
    process.exit(1)
  })
  const end = gracefulEnd(server as Server)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      end(() => process.exit(0))
      watches.close()
    })
  }
} catch (error) {
  if (!(error instanceof SettingsError)) throw error
  console.error(error.message)
  process.exit(1)
}
