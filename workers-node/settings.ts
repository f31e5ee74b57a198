import { hostname } from 'node:os'
import { z } from 'zod'
import { MODEL_FAMILIES, type ModelFamily } from '../drizzle/contract/models.ts'
import {
  address,
  commaList,
  integer,
  readSettings,
  SettingsError,
} from '../drizzle/contract/settings.ts'

const FAMILY_NAMES = MODEL_FAMILIES.map(({ family }) => family)

const settings = z.object({
  DATABASE_URL: address(['postgres', 'postgresql']).describe('the Postgres that holds the tasks'),
  REDIS_URL: address(['redis', 'rediss']).describe('the Redis that holds the streams'),
  WORKER_STREAMS: commaList()
    .refine((names) => names.length > 0 && names.every((name) => FAMILY_NAMES.includes(name)), {
      message: `it must be a comma list of ${FAMILY_NAMES.join(', ')}`,
    })
    .default(FAMILY_NAMES),
  WORKER_ID: z
    .string()
    .regex(/^[\w.:-]{1,100}$/, 'it must be 1 to 100 letters, digits or . : - _')
    .default(() => `${hostname().slice(0, 60)}-${process.pid}`),
  WORKER_CONCURRENCY: integer(1, 1000).default(50),
  LEASE_MS: integer(1000, 600_000).default(10_000),
  PARTIAL_MS: integer(100, 60_000).default(1000),
  DRAIN_MS: integer(0, 3_600_000).default(30_000),
  LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
})

/** Where one family's models are, and how long a call may take (ms). */
export type Endpoint = { url?: string; key?: string; nodes: string[]; totalMs: number }

export type WorkerSettings = Omit<z.output<typeof settings>, 'WORKER_STREAMS'> & {
  families: { family: ModelFamily; endpoint: Endpoint }[]
}

/** The worker's settings from the environment. Throws SettingsError. */
export function readWorkerSettings(environment: Record<string, unknown>): WorkerSettings {
  const { WORKER_STREAMS, ...rest } = readSettings(settings, environment)
  const served = MODEL_FAMILIES.filter(({ family }) => WORKER_STREAMS.includes(family))
  return {
    ...rest,
    families: served.map((family) => ({ family, endpoint: readEndpoint(family, environment) })),
  }
}

function readEndpoint(row: ModelFamily, environment: Record<string, unknown>): Endpoint {
  const { url, key, nodes, timeout, enough } = row.endpoint
  const http = address(['http', 'https'])
  const read = readSettings(
    z.object({
      [url]: http.optional(),
      [key]: commaList().optional(),
      ...(nodes && { [nodes]: commaList().pipe(z.array(http)).optional() }),
      ...(timeout && { [timeout]: integer(1000, 86_400_000).optional() }),
    }),
    environment,
  )
  if (!enough.some((name) => read[name] !== undefined)) {
    throw new SettingsError(
      `${enough[0]} is missing: the ${row.stream} needs ${enough.join(' or ')}. Set it in the environment or in .env, or leave ${row.family} out of WORKER_STREAMS.`,
    )
  }
  return {
    url: read[url] as string | undefined,
    key: (read[key] as string[] | undefined)?.[0],
    nodes: (nodes && (read[nodes] as string[] | undefined)) || [],
    totalMs: (timeout && (read[timeout] as number | undefined)) || row.totalMs,
  }
}
