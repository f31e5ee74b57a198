import { z } from 'zod'
import { address, flag, integer, readSettings } from '../drizzle/contract/settings.ts'

const settings = z.object({
  DATABASE_URL: address(['postgres', 'postgresql']).describe('the Postgres to write to, over HTTP'),
  UPSTASH_REDIS_REST_URL: address(['http', 'https']).describe('the REST address of Redis'),
  UPSTASH_REDIS_REST_TOKEN: z.string().describe('the token of the Redis REST address'),
  NEON_FETCH_ENDPOINT: address(['http', 'https']).optional(),
  MAX_BODY_BYTES: integer(1024, 100 * 1024 * 1024).default(1024 * 1024),
  ENABLE_DB_LOG: flag().default(false),
  NODE_TOKEN: z.string().min(16, 'it must have at least 16 characters').optional(),
  INSTANCE_ID: z.string().max(100).optional(),
})

export type EdgeSettings = z.output<typeof settings>

/** The gateway's settings from a runtime's environment. Throws SettingsError. */
export function readEdgeSettings(environment: Record<string, unknown>): EdgeSettings {
  return readSettings(settings, environment)
}

/** Where a gateway that listens by itself does so. Throws SettingsError. */
export function readListenSettings(environment: Record<string, unknown>) {
  const listen = { PORT: integer(0, 65_535).default(8787), HOST: z.string().default('127.0.0.1') }
  return readSettings(z.object(listen), environment)
}
