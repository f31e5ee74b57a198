import type { PostgresDoor } from '../drizzle/statements/statement.ts'
import { openNeon } from './neon.ts'
import { type EdgeSettings, readEdgeSettings } from './settings.ts'
import { openUpstash, type RedisDoor } from './upstash.ts'

const POSTGRES_TIMEOUT_MS = 10_000
const REDIS_TIMEOUT_MS = 5_000

/** What every route works with. */
export type Services = { settings: EdgeSettings; postgres: PostgresDoor; redis: RedisDoor }

/** Opens both doors by a runtime's environment. Throws SettingsError. */
export function openServices(environment: Record<string, unknown>): Services {
  const settings = readEdgeSettings(environment)
  return {
    settings,
    postgres: openNeon(settings.DATABASE_URL, {
      fetchEndpoint: settings.NEON_FETCH_ENDPOINT,
      timeoutMs: POSTGRES_TIMEOUT_MS,
    }),
    redis: openUpstash(
      settings.UPSTASH_REDIS_REST_URL,
      settings.UPSTASH_REDIS_REST_TOKEN,
      REDIS_TIMEOUT_MS,
    ),
  }
}
