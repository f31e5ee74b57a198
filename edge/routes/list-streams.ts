import type { Context } from 'hono'
import { MODEL_FAMILIES } from '../../drizzle/contract/models.ts'
import { type FamilyStream, type Streams, streams } from '../../drizzle/contract/operators-api.ts'
import { countQueues } from '../../drizzle/statements/count-queues.ts'
import { log } from '../log.ts'
import { DatabaseError } from '../neon.ts'
import { type AppEnv, json, type Operation } from '../operation.ts'
import { RedisError } from '../upstash.ts'

/** How many tasks are counted of each family. */
const COUNTED = 10_000

export const listStreams: Operation = {
  access: 'operator',
  route: {
    method: 'get',
    path: '/v1/streams',
    summary: 'Say how much waits, in Redis and in Postgres',
    description:
      'Postgres is the truth: a task waits there though its message is lost. While one of the two is away its half is null, and `away` says so.',
    tags: ['Operations'],
    answers: { 200: { description: 'By family.', content: json(streams) } },
    errors: [],
  },

  async handle(c) {
    const [redis, postgres] = await Promise.all([
      unlessAway(c, RedisError, streamsIn(c)),
      unlessAway(c, DatabaseError, queuesIn(c)),
    ])
    const away: Streams['away'] = []
    if (!redis) away.push('redis')
    if (!postgres) away.push('postgres')
    return c.json({ redis, postgres, away } satisfies Streams)
  },
}

async function streamsIn(c: Context<AppEnv>): Promise<Streams['redis']> {
  const { streams, copies } = await c.var.redis.streams(MODEL_FAMILIES)
  const named = MODEL_FAMILIES.map(
    ({ family, stream }, i): FamilyStream => ({ family, stream, ...streams[i]! }),
  )
  return { streams: named, dead_letters: copies }
}

async function queuesIn(c: Context<AppEnv>): Promise<Streams['postgres']> {
  const families = MODEL_FAMILIES.map(({ family }) => family)
  return { queues: await c.var.postgres.run(countQueues(families, COUNTED)) }
}

/** Null where it failed by an error of this kind. */
async function unlessAway<Half>(
  c: Context<AppEnv>,
  kind: typeof RedisError | typeof DatabaseError,
  half: Promise<Half>,
): Promise<Half | null> {
  return half.catch((error: unknown) => {
    if (!(error instanceof kind)) throw error
    log('warn', 'no state of the streams', { code: error.code, request_id: c.var.requestId })
    return null
  })
}
