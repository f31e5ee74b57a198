import type { PostgresDoor } from '../drizzle/statements/statement.ts'
import { openNeon } from './neon.ts'
import { type FileStore, type OpenFolder, openFileStore } from './open-file-store.ts'
import { type EdgeSettings, readEdgeSettings } from './settings.ts'
import { openUpstash, type RedisDoor } from './upstash.ts'
import type { Watches } from './watches.ts'

const POSTGRES_TIMEOUT_MS = 10_000
const REDIS_TIMEOUT_MS = 5_000

/** What every route works with. */
export type Services = {
  settings: EdgeSettings
  postgres: PostgresDoor
  redis: RedisDoor
  /** Undefined where no place for files is named. */
  files: FileStore | undefined
  /** Of the whole process, where its requests may share what they have opened. */
  watches?: Watches
}

/** Opens all doors by a runtime's environment. Throws SettingsError. */
export function openServices(
  environment: Record<string, unknown>,
  openFolder?: OpenFolder,
): Services {
  const settings = readEdgeSettings(environment)
  return {
    settings,
    files: openFileStore(environment, openFolder),
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
