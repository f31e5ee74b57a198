import { Redis } from '@upstash/redis/cloudflare'
import { familyNamed, type ModelFamily } from '../drizzle/contract/models.ts'
import {
  DEAD_LETTER_STREAM,
  type Ring,
  streamFields,
  WAKE_CHANNEL,
} from '../drizzle/contract/stream-message.ts'
import {
  livingWorkers,
  WORKER_PRESENCE_KEY,
  type WorkerPresence,
} from '../drizzle/contract/worker-presence.ts'
import { type StreamState, streamStateOf } from './stream-state.ts'

/** An entry that is added as it is: the flat list of its fields, in which one name may come twice. */
export type Entry = { stream: string; fields: string[] }

/** The gateway's door to Redis: it rings, and asks who listens. It never blocks. */
export type RedisDoor = {
  /**
   * One pipeline, one XADD a ring and an entry; none where there is nothing to add. Throws RedisError
   * where any of them failed.
   */
  ring(rings: Ring[], entries?: Entry[]): Promise<void>
  /** Whether it answers. Does not fail. */
  answers(): Promise<boolean>
  /** Drops the copies of dead letters, which the workers make anew. One pipeline. Throws RedisError. */
  dropDeadLetterCopies(): Promise<void>
  /**
   * The state of the stream of each family, in their order, and how many copies of dead letters there
   * are. One pipeline. Throws RedisError.
   */
  streams(families: readonly ModelFamily[]): Promise<{ streams: StreamState[]; copies: number }>
  /**
   * Asks all workers to look for work, in one pipeline; does nothing where it has done so in the last
   * seconds. Throws RedisError.
   */
  wake(): Promise<void>
  /** One pipeline. Throws RedisError. */
  workers(): Promise<WorkerPresence[]>
}

/**
 * One wake makes the workers look for all that waits. While a long queue is worked off, every poll
 * finds something overdue: as many wakes would keep the workers from it.
 */
const WAKE_EVERY_MS = 2_000

/** XADD, as the client's own takes no list in which a name comes twice. */
const ADD_ENTRY = "return redis.call('XADD', KEYS[1], '*', unpack(ARGV))"

/** What Redis says of a stream that is not there, or has no group yet. */
const NOT_THERE = /\bno such key\b|^NOGROUP\b/

/** A pipeline that failed. The client's own message quotes the whole command, so it is dropped. */
export class RedisError extends Error {
  override name = 'RedisError'
  readonly code: 'unreachable' | 'refused'

  constructor(code: 'unreachable' | 'refused') {
    super(`the Redis pipeline failed (${code})`)
    this.code = code
  }
}

/** Opens the REST door. A failed fetch is tried once more: a second XADD is harmless. */
export function openUpstash(url: string, token: string, timeoutMs: number): RedisDoor {
  const redis = new Redis({
    url,
    token,
    automaticDeserialization: false,
    enableTelemetry: false,
    retry: { retries: 1, backoff: () => 50 },
    signal: () => AbortSignal.timeout(timeoutMs),
  })
  let sleepUntil = 0
  type Pipeline = ReturnType<typeof redis.pipeline>

  /** The results; null for what may not be there, and is not. */
  async function execute(pipeline: Pipeline, missing?: RegExp): Promise<unknown[]> {
    const answers = await pipeline.exec({ keepErrors: true }).catch((error: unknown) => {
      throw new RedisError(
        error instanceof Error && error.name === 'UpstashError' ? 'refused' : 'unreachable',
      )
    })
    const failed = answers.some(({ error }) => error && !missing?.test(error))
    if (failed) throw new RedisError('refused')
    return answers.map(({ error, result }) => (error ? null : result))
  }

  return {
    async ring(rings, entries = []) {
      if (rings.length === 0 && entries.length === 0) return
      const pipeline = redis.pipeline()
      for (const ring of rings)
        pipeline.xadd(familyNamed(ring.family).stream, '*', streamFields(ring))
      for (const { stream, fields } of entries) pipeline.eval(ADD_ENTRY, [stream], fields)
      await execute(pipeline)
    },
    async answers() {
      const pipeline = redis.pipeline()
      pipeline.ping()
      return execute(pipeline).then(
        () => true,
        () => false,
      )
    },
    async dropDeadLetterCopies() {
      const pipeline = redis.pipeline()
      pipeline.del(DEAD_LETTER_STREAM)
      pipeline.publish(WAKE_CHANNEL, '')
      await execute(pipeline)
    },
    async streams(families) {
      const pipeline = redis.pipeline()
      pipeline.xlen(DEAD_LETTER_STREAM)
      for (const { stream, group } of families) {
        pipeline.xlen(stream)
        pipeline.xinfo(stream, { type: 'GROUPS' })
        pipeline.xinfo(stream, { type: 'CONSUMERS', group })
      }
      const [copies, ...rest] = await execute(pipeline, NOT_THERE)
      const streams = families.map(({ group }, i) => streamStateOf(rest.slice(3 * i), group))
      return { streams, copies: Number(copies) }
    },
    async wake() {
      if (Date.now() < sleepUntil) return
      sleepUntil = Date.now() + WAKE_EVERY_MS
      const pipeline = redis.pipeline()
      pipeline.publish(WAKE_CHANNEL, '')
      await execute(pipeline)
    },
    async workers() {
      const pipeline = redis.pipeline()
      pipeline.time()
      pipeline.zrange(WORKER_PRESENCE_KEY, 0, -1, { withScores: true })
      const [time, members] = (await execute(pipeline)) as [unknown[], unknown[]]
      return livingWorkers(members, Number(time[0]))
    },
  }
}

/** The door of the limiter: what it asks at the same moment goes as one pipeline, and is not repeated. */
export function openCounter(url: string, token: string, timeoutMs: number): Redis {
  return new Redis({
    url,
    token,
    enableTelemetry: false,
    enableAutoPipelining: true,
    retry: false,
    signal: () => AbortSignal.timeout(timeoutMs),
  })
}
