import { Redis } from '@upstash/redis/cloudflare'
import { familyNamed } from '../drizzle/contract/models.ts'
import { type Ring, streamFields, WAKE_CHANNEL } from '../drizzle/contract/stream-message.ts'
import {
  livingWorkers,
  WORKER_PRESENCE_KEY,
  type WorkerPresence,
} from '../drizzle/contract/worker-presence.ts'

/** The gateway's door to Redis: it rings, and asks who listens. It never blocks. */
export type RedisDoor = {
  /** One pipeline, one XADD a ring; none where there is nothing to ring. Throws RedisError where any of them failed. */
  ring(rings: Ring[]): Promise<void>
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

  async function execute(pipeline: Pipeline): Promise<unknown[]> {
    const answers = await pipeline.exec({ keepErrors: true }).catch((error: unknown) => {
      throw new RedisError(
        error instanceof Error && error.name === 'UpstashError' ? 'refused' : 'unreachable',
      )
    })
    if (answers.some(({ error }) => error)) throw new RedisError('refused')
    return answers.map(({ result }) => result)
  }

  return {
    async ring(rings) {
      if (rings.length === 0) return
      const pipeline = redis.pipeline()
      for (const ring of rings)
        pipeline.xadd(familyNamed(ring.family).stream, '*', streamFields(ring))
      await execute(pipeline)
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
