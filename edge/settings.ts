import { z } from 'zod'
import { hostList } from '../drizzle/contract/host-list.ts'
import {
  address,
  commaList,
  flag,
  integer,
  onOff,
  origin,
  readSettings,
} from '../drizzle/contract/settings.ts'
import { apiKeys } from './api-keys.ts'

const MiB = 1024 * 1024

const settings = z.object({
  DATABASE_URL: address(['postgres', 'postgresql']).describe('the Postgres to write to, over HTTP'),
  UPSTASH_REDIS_REST_URL: address(['http', 'https']).describe('the REST address of Redis'),
  UPSTASH_REDIS_REST_TOKEN: z.string().describe('the token of the Redis REST address'),
  NEON_FETCH_ENDPOINT: address(['http', 'https']).optional(),
  MAX_BODY_BYTES: integer(1024, 100 * MiB).default(MiB),
  MAX_UPLOAD_BYTES: integer(1024, 500 * MiB).default(50 * MiB),
  MAX_BODY_PAUSE_MS: integer(100, 600_000).default(30_000),
  MAX_OPEN_TASKS: integer(0, 1_000_000).default(200),
  MAX_QUEUE_DEPTH: integer(0, 1_000_000).default(10_000),
  FILE_URL_SECRET: z.string().min(32, 'it must have at least 32 characters').optional(),
  FILES_DIR: z.string().optional(),
  S3_ENDPOINT: address(['http', 'https']).optional(),
  ENABLE_DB_LOG: flag().default(false),
  NODE_TOKEN: z.string().min(16, 'it must have at least 16 characters').optional(),
  API_KEYS: apiKeys().default([]),
  VISITORS: onOff().default(false),
  CORS_ORIGINS: commaList().pipe(z.array(origin())).default([]),
  TRUST_PROXY: flag().default(false),
  REQUESTS_PER_MINUTE: integer(0, 1_000_000).default(600),
  REQUESTS_PER_MINUTE_PER_ADDRESS: integer(0, 1_000_000).default(1200),
  NODE_HOSTS: hostList().optional(),
  NEW_VISITORS_PER_MINUTE: integer(0, 1_000_000).default(20),
  INSTANCE_ID: z.string().max(100).optional(),
})

/** Needed once there is a NODE_TOKEN. */
const nodeSettings = z.object({
  NODE_HOSTS: hostList().describe('the hosts on which nodes may be that register with NODE_TOKEN'),
})

/** Needed once there is an endpoint. */
const s3Settings = z.object({
  S3_BUCKET: z.string().describe('the bucket that S3_ENDPOINT is to keep files in'),
  S3_ACCESS_KEY_ID: z.string().describe('the key id for S3_ENDPOINT'),
  S3_SECRET_ACCESS_KEY: z.string().describe('the secret key for S3_ENDPOINT'),
  S3_REGION: z.string().default('us-east-1'),
})

const secretSettings = z.object({
  FILE_URL_SECRET: z
    .string()
    .describe('at least 32 random characters, by which the addresses of files are signed'),
})

/** Needed where visitors are let in. */
const visitorSettings = z.object({
  VISITOR_SECRET: z
    .string()
    .min(32, 'it must have at least 32 characters')
    .describe('at least 32 random characters, by which the cookies of visitors are signed'),
})

export type EdgeSettings = z.output<typeof settings>

/** The gateway's settings from a runtime's environment. Throws SettingsError. */
export function readEdgeSettings(environment: Record<string, unknown>): EdgeSettings {
  const read = readSettings(settings, environment)
  if (read.NODE_TOKEN !== undefined) readSettings(nodeSettings, environment)
  return read
}

/** What else S3 needs. Throws SettingsError. */
export function readS3Settings(environment: Record<string, unknown>) {
  return readSettings(s3Settings, environment)
}

/** The secret that a gateway with a file store needs. Throws SettingsError. */
export function readFileUrlSecret(environment: Record<string, unknown>): string {
  return readSettings(secretSettings, environment).FILE_URL_SECRET
}

/** The secret that a gateway with visitors needs. Throws SettingsError. */
export function readVisitorSecret(environment: Record<string, unknown>): string {
  return readSettings(visitorSettings, environment).VISITOR_SECRET
}

/** Where a gateway that listens by itself does so. Throws SettingsError. */
export function readListenSettings(environment: Record<string, unknown>) {
  const listen = { PORT: integer(0, 65_535).default(8787), HOST: z.string().default('127.0.0.1') }
  return readSettings(z.object(listen), environment)
}
