import type { PostgresDoor } from '../drizzle/statements/statement.ts'
import { type AddressOf, forwardedAddress } from './address-of.ts'
import { Identities } from './identity.ts'
import { isHttps } from './is-https.ts'
import { Limiter } from './limiter.ts'
import { openNeon } from './neon.ts'
import { type FileStore, type OpenFolder, openFileStore } from './open-file-store.ts'
import { type EdgeSettings, readEdgeSettings, readVisitorSecret } from './settings.ts'
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
  identities: Identities
  limiter: Limiter
  addressOf: AddressOf
  /** Of the whole process, where its requests may share what they have opened. */
  watches?: Watches
}

/** What a runtime brings along. */
export type Runtime = Pick<Services, 'addressOf' | 'watches'> & { openFolder?: OpenFolder }

/** Opens all doors by a runtime's environment. Throws SettingsError. */
export function openServices(
  environment: Record<string, unknown>,
  { addressOf, openFolder, watches }: Runtime,
): Services {
  const settings = readEdgeSettings(environment)
  const visitorSecret = settings.VISITORS ? readVisitorSecret(environment) : undefined
  return {
    settings,
    watches,
    identities: new Identities({
      keys: settings.API_KEYS,
      visitorSecret,
      isHttps: (c) => isHttps(c, { trustProxy: settings.TRUST_PROXY }),
    }),
    limiter: new Limiter(settings),
    addressOf: settings.TRUST_PROXY ? forwardedAddress : addressOf,
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
