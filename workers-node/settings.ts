import { hostname } from 'node:os'
import { z } from 'zod'
import { hostList } from '../drizzle/contract/host-list.ts'
import { MODEL_FAMILIES, type ModelFamily, type Timeouts } from '../drizzle/contract/models.ts'
import {
  address,
  commaList,
  flag,
  integer,
  readSettings,
  SettingsError,
} from '../drizzle/contract/settings.ts'

const FAMILY_NAMES = MODEL_FAMILIES.map(({ family }) => family)

const settings = z.object({
  DATABASE_URL: address(['postgres', 'postgresql']).describe('the Postgres that holds the tasks'),
  DATABASE_DIRECT_URL: address(['postgres', 'postgresql']).optional(),
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
  MAX_ATTEMPTS: integer(1, 100).default(3),
  MAX_DEATHS: integer(1, 100).default(5),
  RETRY_BASE_MS: integer(1, 600_000).default(1000),
  BREAKER_FAILURES: integer(1, 1000).default(5),
  BREAKER_COOL_DOWN_MS: integer(100, 3_600_000).default(10_000),
  NODE_WAIT_MS: integer(0, 86_400_000).default(600_000),
  NODE_CAPACITY: integer(1, 10_000).optional(),
  NODE_DISCOVERY: flag().default(false),
  PICTURE_HOSTS: hostList().default([]),
  CONNECT_TIMEOUT_MS: integer(100, 600_000).optional(),
  FIRST_TOKEN_TIMEOUT_MS: integer(100, 86_400_000).optional(),
  IDLE_TIMEOUT_MS: integer(100, 86_400_000).optional(),
  TOTAL_TIMEOUT_MS: integer(100, 86_400_000).optional(),
  GATEWAY_URL: address(['http', 'https']).optional(),
  FILE_URL_SECRET: z.string().min(32, 'it must have at least 32 characters').optional(),
  ENABLE_DB_LOG: flag().default(false),
  LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
})

/** One service of a family: the provider's own address where no other is given. */
export type NodeAddress = { url?: string | undefined; key?: string | undefined }

/**
 * Where one family's models are, how many calls at once each node takes, and what the settings say of
 * how long a call may take.
 */
export type Endpoint = { nodes: NodeAddress[]; nodeCapacity: number; timeouts: Partial<Timeouts> }

export type WorkerSettings = Omit<z.output<typeof settings>, 'WORKER_STREAMS'> & {
  families: { family: ModelFamily; endpoint: Endpoint }[]
}

/** The worker's settings from the environment. Throws SettingsError. */
export function readWorkerSettings(environment: Record<string, unknown>): WorkerSettings {
  const { WORKER_STREAMS, ...rest } = readSettings(settings, environment)
  const served = MODEL_FAMILIES.filter(({ family }) => WORKER_STREAMS.includes(family))
  return {
    ...rest,
    families: served.map((family) => ({
      family,
      endpoint: readEndpoint(family, environment, rest),
    })),
  }
}

function readEndpoint(
  row: ModelFamily,
  environment: Record<string, unknown>,
  general: Omit<z.output<typeof settings>, 'WORKER_STREAMS'>,
): Endpoint {
  const { url, key, nodes, timeout, enough } = row.endpoint
  const http = address(['http', 'https'])
  const read = readSettings(
    z.object({
      [url]: listOf(http).optional(),
      [key]: commaList().optional(),
      ...(nodes && { [nodes]: listOf(http).optional() }),
      ...(timeout && { [timeout]: integer(1000, 86_400_000).optional() }),
    }),
    environment,
  )
  const isEnough = enough.some((name) => read[name] !== undefined)
  if (!isEnough && !general.NODE_DISCOVERY) {
    throw new SettingsError(
      `${enough[0]} is missing: the ${row.stream} needs ${enough.join(' or ')}, or NODE_DISCOVERY=true for nodes that register themselves. Set it in the environment or in .env, or leave ${row.family} out of WORKER_STREAMS.`,
    )
  }
  const list = (name: string | undefined) => (name && (read[name] as string[] | undefined)) || []
  return {
    nodes: isEnough ? nodesOf({ urls: list(url), keys: list(key), services: list(nodes) }) : [],
    nodeCapacity: general.NODE_CAPACITY ?? row.nodeCapacity,
    timeouts: given({
      connectMs: general.CONNECT_TIMEOUT_MS,
      firstTokenMs: general.FIRST_TOKEN_TIMEOUT_MS,
      idleMs: general.IDLE_TIMEOUT_MS,
      totalMs: (timeout && (read[timeout] as number | undefined)) || general.TOTAL_TIMEOUT_MS,
    }),
  }
}

/** What was set. */
function given<Key extends string>(
  values: Record<Key, number | undefined>,
): Partial<Record<Key, number>> {
  const set = Object.entries(values).filter(([, value]) => value !== undefined)
  return Object.fromEntries(set) as Partial<Record<Key, number>>
}

/** Each address with each key is a node; a service that needs no key is one of its own. */
function nodesOf({
  urls,
  keys,
  services,
}: Record<'urls' | 'keys' | 'services', string[]>): NodeAddress[] {
  const own = (urls.length > 0 ? urls : [undefined]).flatMap((url) =>
    (keys.length > 0 ? keys : [undefined]).map((key) => ({ url, key })),
  )
  // An address that is the provider's own, or is meant for it, is of no use without a key.
  const usable = services.length > 0 ? own.filter(({ key }) => key !== undefined) : own
  return [...usable, ...services.map((url) => ({ url }))]
}

function listOf(part: z.ZodType<string, string>) {
  return commaList().pipe(z.array(part))
}
