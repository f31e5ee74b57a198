import { Redis } from 'ioredis'
import { familyNamed, type ModelFamily } from '../drizzle/contract/models.ts'
import { DEAD_LETTER_STREAM, type Ring, streamFields } from '../drizzle/contract/stream-message.ts'
import {
  presenceMember,
  WORKER_PRESENCE_KEY,
  WORKER_PRESENCE_STALE_S,
  type WorkerPresence,
} from '../drizzle/contract/worker-presence.ts'
import type { DeadMessage } from '../drizzle/statements/save-dead-messages.ts'
import { codeOf, log } from './log.ts'

/** An entry of a stream as read: its id and its flat list of fields, null when already deleted. */
export type StreamEntry = { id: string; fields: string[] | null }

/** How far a group has read: the time of its last delivered entry, null when nothing waits. */
export type GroupReading = { deliveredMs: number | null }

const DEAD_LETTERS_KEPT = 10_000

/** Long, so that reading the streams costs an idle worker about two commands a minute in all. */
const BLOCK_MS = 90_000
/** A connection that stays silent for longer than a read blocks is dead, and made anew. */
const READER_SILENT_MS = BLOCK_MS + 10_000

/** Redis's own time is the score, so that no worker's clock matters. */
const SAY_PRESENT = `
local now = redis.call('TIME')[1]
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[2])`

/** A consumer that still holds messages must stay: without it they would be gone. */
const LEAVE_GROUP_IF_HOLDING_NONE = `
if #redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', 1, ARGV[2]) == 0 then
  redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2])
end`

const COMMAND_TIMEOUT_MS = 5_000

/** Reconnects for ever; a command given while the connection is away fails at once. */
const CONNECTION = {
  protocol: 2,
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
  connectTimeout: 5_000,
  retryStrategy: (times: number) => Math.min(times * 100, 2_000),
} as const

/** Whether an error is Redis's own answer of this kind, e.g. NOGROUP. */
export function isReply(error: unknown, kind: string): boolean {
  return error instanceof Error && error.message.startsWith(kind)
}

async function connected(url: string, name: string, extra: object = {}): Promise<Redis> {
  const redis = new Redis(url, { ...CONNECTION, ...extra, connectionName: name })
  redis.on('error', (error) => log.warn({ connection: name, code: codeOf(error) }, 'redis is away'))
  // `events.once` would reject at the first failed attempt.
  await new Promise<void>((resolve) => redis.once('ready', resolve))
  return redis
}

/** Reads one family's stream on a connection of its own, as the read blocks. */
export class StreamReader {
  private readonly redis: Redis
  private readonly family: ModelFamily
  private readonly consumer: string
  /** The server's name for the connection; another one after a reconnect. */
  private clientId: number | undefined

  private constructor(redis: Redis, family: ModelFamily, consumer: string) {
    this.redis = redis
    this.family = family
    this.consumer = consumer
  }

  /** Resolves once connected, however long Redis stays away. */
  static async open(url: string, family: ModelFamily, consumer: string): Promise<StreamReader> {
    const name = `read-${family.family}`
    const redis = await connected(url, name, { socketTimeout: READER_SILENT_MS })
    const reader = new StreamReader(redis, family, consumer)
    const learnId = async () => {
      reader.clientId = await reader.redis.client('ID').catch(() => undefined)
    }
    reader.redis.on('ready', learnId)
    await learnId()
    return reader
  }

  /** Waits for new entries and returns at most `count`; none after 90 s. Throws NOGROUP replies too. */
  async read(count: number): Promise<StreamEntry[]> {
    const { group, stream } = this.family
    const answer = (await this.redis.call(
      'XREADGROUP',
      ...['GROUP', group, this.consumer, 'COUNT', count, 'BLOCK', BLOCK_MS, 'STREAMS', stream, '>'],
    )) as [string, [string, string[] | null][]][] | null
    return (answer?.[0]?.[1] ?? []).map(([id, fields]) => ({ id, fields }))
  }

  /** Ends a read that waits, from the given other connection. */
  async unblock(redis: NativeRedis): Promise<void> {
    if (this.clientId !== undefined) await redis.unblock(this.clientId)
  }

  close(): void {
    this.redis.disconnect()
  }
}

/** The worker's door to Redis for all that does not block. */
export class NativeRedis {
  private readonly redis: Redis

  private constructor(redis: Redis) {
    this.redis = redis
  }

  /** Resolves once connected, however long Redis stays away. */
  static async open(url: string): Promise<NativeRedis> {
    return new NativeRedis(
      await connected(url, 'worker', {
        commandTimeout: COMMAND_TIMEOUT_MS,
        // A rejected command leaves its connection open; one that stays silent is dead.
        socketTimeout: 2 * COMMAND_TIMEOUT_MS,
      }),
    )
  }

  /** Makes the group from the stream's beginning, so that no waiting entry is skipped. */
  async makeGroup({ stream, group }: ModelFamily): Promise<void> {
    try {
      await this.redis.xgroup('CREATE', stream, group, '0', 'MKSTREAM')
    } catch (error) {
      if (!isReply(error, 'BUSYGROUP')) throw error
    }
  }

  /** How far the group has read; makes it where it is missing. */
  async readingOf(family: ModelFamily): Promise<GroupReading> {
    for (const flat of await this.groupsOf(family)) {
      const group = new Map<unknown, unknown>()
      for (let i = 0; i < flat.length; i += 2) group.set(flat[i], flat[i + 1])
      if (group.get('name') !== family.group) continue
      if (group.get('lag') === 0) return { deliveredMs: null }
      return { deliveredMs: Number(String(group.get('last-delivered-id')).split('-')[0]) }
    }
    await this.makeGroup(family)
    return { deliveredMs: null }
  }

  /** The groups of a family's stream as flat lists; none where there is no stream. */
  private async groupsOf({ stream }: ModelFamily): Promise<unknown[][]> {
    try {
      return (await this.redis.xinfo('GROUPS', stream)) as unknown[][]
    } catch (error) {
      if (isReply(error, 'ERR no such key')) return []
      throw error
    }
  }

  /** Takes entries out of the pending list and out of the stream. */
  async acknowledge({ stream, group }: ModelFamily, ids: string[]): Promise<void> {
    await this.pipelined((pipeline) => {
      pipeline.xack(stream, group, ...ids)
      pipeline.xdel(stream, ...ids)
    })
  }

  /** One XADD a ring, in one pipeline. */
  async ring(rings: Ring[]): Promise<void> {
    await this.pipelined((pipeline) => {
      for (const ring of rings) {
        const fields = Object.entries(streamFields(ring)).flat()
        pipeline.xadd(familyNamed(ring.family).stream, '*', ...fields)
      }
    })
  }

  /** Copies dead messages to their stream, where operators look for them. */
  async copyDeadMessages(messages: DeadMessage[]): Promise<void> {
    await this.pipelined((pipeline) => {
      for (const { id, stream, entryId, payload, code } of messages) {
        const fields = { id, source: stream, original_id: entryId, payload, error_code: code }
        const flat = Object.entries(fields).flat()
        pipeline.xadd(DEAD_LETTER_STREAM, 'MAXLEN', '~', DEAD_LETTERS_KEPT, '*', ...flat)
      }
    })
  }

  async sayPresent(worker: WorkerPresence): Promise<void> {
    const stale = WORKER_PRESENCE_STALE_S
    await this.redis.eval(SAY_PRESENT, 1, WORKER_PRESENCE_KEY, presenceMember(worker), stale)
  }

  /** Says that the worker listens no more, and takes its consumers out of the groups. */
  async leave(worker: WorkerPresence, families: ModelFamily[], consumer: string): Promise<void> {
    await this.pipelined((pipeline) => {
      pipeline.zrem(WORKER_PRESENCE_KEY, presenceMember(worker))
      for (const { stream, group } of families) {
        pipeline.eval(LEAVE_GROUP_IF_HOLDING_NONE, 1, stream, group, consumer)
      }
    })
  }

  async unblock(clientId: number): Promise<void> {
    await this.redis.client('UNBLOCK', clientId)
  }

  close(): void {
    this.redis.disconnect()
  }

  private async pipelined(fill: (pipeline: ReturnType<Redis['pipeline']>) => void) {
    const pipeline = this.redis.pipeline()
    fill(pipeline)
    const answers = await pipeline.exec()
    const error = answers?.find(([failed]) => failed)?.[0]
    if (error) throw error
  }
}
