import { z } from 'zod'
import { address, integer, readSettings, SettingsError } from '../drizzle/contract/settings.ts'
import { startNeonBridge } from './neon-bridge.ts'
import { startUpstashBridge } from './upstash-bridge.ts'

const settings = z.object({
  DATABASE_URL: address(['postgres', 'postgresql']).describe('the Postgres to stand in front of'),
  REDIS_URL: address(['redis', 'rediss']).describe('the Redis to stand in front of'),
  UPSTASH_REDIS_REST_TOKEN: z.string().describe('the token that callers of Redis must bring'),
  NEON_BRIDGE_PORT: integer(0, 65_535).default(4444),
  UPSTASH_BRIDGE_PORT: integer(0, 65_535).default(8079),
  BRIDGE_HOST: z.string().default('127.0.0.1'),
})

// Both bridges as a program of their own, for Docker Compose.
try {
  const given = readSettings(settings, process.env)
  const host = given.BRIDGE_HOST
  const bridges = await Promise.all([
    startNeonBridge({ databaseUrl: given.DATABASE_URL, host, port: given.NEON_BRIDGE_PORT }),
    startUpstashBridge({
      redisUrl: given.REDIS_URL,
      token: given.UPSTASH_REDIS_REST_TOKEN,
      host,
      port: given.UPSTASH_BRIDGE_PORT,
    }),
  ])
  for (const { url } of bridges) console.log(`bridge ready ${url}`)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () =>
      Promise.all(bridges.map((bridge) => bridge.close())).then(() => process.exit(0)),
    )
  }
} catch (error) {
  const { code, message } = error as NodeJS.ErrnoException
  if (!(error instanceof SettingsError) && code !== 'EADDRINUSE') throw error
  console.error(message)
  process.exit(1)
}
