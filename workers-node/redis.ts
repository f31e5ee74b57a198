import { Redis } from 'ioredis'
import { familyNamed, type ModelFamily } from '../drizzle/contract/models.ts'
import { SettingsError } from '../drizzle/contract/settings.ts'
import {
  DEAD_LETTER_STREAM,
  type Ring,
  streamFields,
  WAKE_CHANNEL,
} from '../drizzle/contract/stream-message.ts'
import {
  presenceMember,
  WORKER_PRESENCE_KEY,
  WORKER_PRESENCE_STALE_S,
  type WorkerPresence,
} from '../drizzle/contract/worker-presence.ts'
import type { DeadLetterCopy } from '../drizzle/statements/copy-dead-letters.ts'
import type { Reading } from '../drizzle/statements/ring-tasks-if-lost.ts'
import { Backoff } from './backoff.ts'
import { codeOf, log } from './log.ts'

/**
 * An entry of a stream as read: its id, the id under which it came first, and its flat list of fields,
 * null when already deleted.
 */
export type StreamEntry = { id: string; firstId: string; fields: string[] | null }

/** As Redis gives it: fields are null where the entry was deleted. */
type PendingEntry = [id: string, fields: string[] | null]

/** The last field of an entry that was put back: it goes by its first id in the dead letters. */
const FIRST_ID = 'first_id'

const DEAD_LETTERS_KEPT = 10_000
const PUT_BACK_STEP = 100

/** Long, so that reading the streams costs an idle worker about two commands a minute in all. */
const BLOCK_MS = 90_000
/** A connection that stays silent for longer than a read blocks is dead, and made anew. */
const READER_SILENT_MS = BLOCK_MS + 10_000

/** Redis's own time is the score, so that no worker's clock matters. */
const SAY_PRESENT = `
local now = redis.call('TIME')[1]
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[2])`

/**
 * How long ago (ms, by Redis's own clock) the oldest entry was written that waits behind the group,
 * 0 where none waits; and how many have been read and not acknowledged. Makes the group where it is missing, from the beginning of the stream. Not by
 * `lag`: Redis does not know it once entries were deleted.
 */
const READ_GROUP = `
local last = '0-0'
local pending = 0
local missing = true
local groups = redis.pcall('XINFO', 'GROUPS', KEYS[1])
for _, group in ipairs(groups) do
  local is = {}
  for i = 1, #group, 2 do is[group[i]] = group[i + 1] end
  if is['name'] == ARGV[1] then
    last = is['last-delivered-id']
    pending = is['pending']
    missing = false
  end
end
if missing then redis.call('XGROUP', 'CREATE', KEYS[1], ARGV[1], '0', 'MKSTREAM') end
local oldest = redis.call('XRANGE', KEYS[1], '(' .. last, '+', 'COUNT', 1)[1]
if not oldest then return {0, pending} end
local now = redis.call('TIME')
local age = now[1] * 1000 + math.floor(now[2] / 1000) - tonumber(string.match(oldest[1], '^%d+'))
return {age, pending}`

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

/** As SELECT is answered; a Redis that wants a password first refuses it in other words. */
function isNoSuchDatabase(error: Error): boolean {
  return isReply(error, 'ERR DB index')
}

function noSuchDatabase(number: number | undefined): SettingsError {
  return new SettingsError(
    `REDIS_URL: this Redis has no database ${number}. Name one that it has (redis://host:port/0), or raise \`databases\` in its configuration.`,
  )
}

async function connected(
  url: string,
  name: string,
  extra: object = {},
  withinMs?: number,
): Promise<Redis> {
  const redis = new Redis(url, { ...CONNECTION, ...extra, connectionName: name })
  // `events.once` would reject at the first failed attempt.
  const ready = Promise.withResolvers<void>()
  let wasReady = false
  redis.on('error', (error) => {
    log.warn({ connection: name, code: codeOf(error) }, 'redis is away')
    if (!isNoSuchDatabase(error)) return
    // The library would go on in database 0, which may be another system's.
    redis.disconnect(wasReady)
    ready.reject(noSuchDatabase(redis.options.db))
  })
  redis.once('ready', () => {
    wasReady = true
    ready.resolve()
  })
  const late = () => {
    redis.disconnect()
    ready.reject(new Error('Redis did not answer in time'))
  }
  const timer = withinMs === undefined ? undefined : setTimeout(late, withinMs)
  await ready.promise.finally(() => clearTimeout(timer))
  return redis
}

export type ReaderOptions = { family: ModelFamily; consumer: string; onReconnect(): void }

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

  /**
   * Resolves once connected, however long Redis stays away. `onReconnect` is called after every
   * reconnect: what was read last may have been lost on its way.
   */
  static async open(
    url: string,
    { family, consumer, onReconnect }: ReaderOptions,
  ): Promise<StreamReader> {
    const name = `read-${family.family}`
    const redis = await connected(url, name, { socketTimeout: READER_SILENT_MS })
    const reader = new StreamReader(redis, family, consumer)
    const learnId = async () => {
      reader.clientId = await reader.redis.client('ID').catch(() => undefined)
    }
    reader.redis.on('ready', () => {
      void learnId()
      onReconnect()
    })
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
    return (answer?.[0]?.[1] ?? []).map(asFirstAdded)
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

  /**
   * Resolves once connected, however long Redis stays away; with `withinMs` it rejects after that.
   */
  static async open(url: string, { withinMs }: { withinMs?: number } = {}): Promise<NativeRedis> {
    return new NativeRedis(
      await connected(
        url,
        'worker',
        {
          commandTimeout: COMMAND_TIMEOUT_MS,
          // A rejected command leaves its connection open; one that stays silent is dead.
          socketTimeout: 2 * COMMAND_TIMEOUT_MS,
        },
        withinMs,
      ),
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

  /**
   * How old the oldest waiting entry of each family is, and how many of its entries are pending; makes
   * groups that are missing. One pipeline.
   */
  async readGroups(families: readonly ModelFamily[]): Promise<(Reading & { pending: number })[]> {
    const answers = await this.pipelined((pipeline) => {
      for (const { stream, group } of families) pipeline.eval(READ_GROUP, 1, stream, group)
    })
    return families.map(({ family }, i) => {
      const [ageMs, pending] = answers[i] as [number, number]
      return { family, ageMs, pending }
    })
  }

  /**
   * Puts entries back into their stream that a consumer, whoever it was, has held unacknowledged for
   * `idleMs`: it died between reading and claiming. Returns how many.
   */
  async putBackPending(family: ModelFamily, consumer: string, idleMs: number): Promise<number> {
    const { stream, group } = family
    let total = 0
    for (let cursor = '0-0'; ; ) {
      const [next, entries] = (await this.redis.call(
        'XAUTOCLAIM',
        ...[stream, group, consumer, idleMs, cursor, 'COUNT', PUT_BACK_STEP],
      )) as [string, PendingEntry[]]
      await this.addAgain(family, entries)
      total += entries.length
      if (next === '0-0') return total
      cursor = next
    }
  }

  /** The consumers of each family that have entries unacknowledged. One pipeline. */
  async holdersOfPending(families: readonly ModelFamily[]): Promise<string[][]> {
    const answers = await this.pipelined((pipeline) => {
      for (const { stream, group } of families) pipeline.call('XPENDING', stream, group)
    })
    return answers.map((answer) => {
      const [, , , holders] = answer as [number, unknown, unknown, [string, string][] | null]
      return (holders ?? []).map(([name]) => name)
    })
  }

  /** Puts back, as `putBackPending` does, what one consumer `of` the family holds. Returns how many. */
  async putBackPendingOf(
    family: ModelFamily,
    { of, consumer, idleMs }: { of: string; consumer: string; idleMs: number },
  ): Promise<number> {
    const { stream, group } = family
    for (let total = 0; ; ) {
      const pending = (await this.redis.call(
        'XPENDING',
        ...[stream, group, 'IDLE', idleMs, '-', '+', PUT_BACK_STEP, of],
      )) as [string, ...unknown[]][]
      if (pending.length === 0) return total
      // Whoever else does the same finds them fresh in our hands, and gets none.
      const entries = (await this.redis.call(
        'XCLAIM',
        ...[stream, group, consumer, idleMs, ...pending.map(([id]) => id)],
      )) as PendingEntry[]
      await this.addAgain(family, entries)
      total += entries.length
    }
  }

  /** Entries that were taken from the pending list of another: each becomes a new one, which says which it was. */
  private async addAgain({ stream, group }: ModelFamily, entries: PendingEntry[]): Promise<void> {
    if (entries.length === 0) return
    const ids = entries.map(([id]) => id)
    await this.pipelined((pipeline) => {
      for (const entry of entries) {
        const { firstId, fields } = asFirstAdded(entry)
        if (fields) pipeline.call('XADD', stream, '*', ...fields, FIRST_ID, firstId)
      }
      pipeline.xack(stream, group, ...ids)
      pipeline.xdel(stream, ...ids)
    })
  }

  /** Takes consumers out of the group that hold nothing and were not heard of for `idleMs`. */
  async dropSilentConsumers({ stream, group }: ModelFamily, idleMs: number): Promise<void> {
    const consumers = await this.consumersOf(stream, group)
    const silent = consumers
      .map((flat) => objectOf(flat))
      .filter(({ pending, idle }) => pending === 0 && Number(idle) > idleMs)
    if (silent.length === 0) return
    await this.pipelined((pipeline) => {
      for (const { name } of silent) {
        pipeline.eval(LEAVE_GROUP_IF_HOLDING_NONE, 1, stream, group, String(name))
      }
    })
  }

  /** None where the stream or its group is missing: this Redis is new, or has lost it. */
  private async consumersOf(stream: string, group: string): Promise<unknown[][]> {
    try {
      return (await this.redis.xinfo('CONSUMERS', stream, group)) as unknown[][]
    } catch (error) {
      if (isReply(error, 'ERR no such key') || isReply(error, 'NOGROUP')) return []
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

  /** Adds entries as they are, each with its flat list of fields. */
  async addEntries(entries: { stream: string; fields: string[] }[]): Promise<void> {
    await this.pipelined((pipeline) => {
      for (const { stream, fields } of entries) pipeline.xadd(stream, '*', ...fields)
    })
  }

  /** Copies dead letters to their stream, where operators look for them. */
  async copyDeadLetters(letters: DeadLetterCopy[]): Promise<void> {
    await this.pipelined((pipeline) => {
      for (const letter of letters) {
        const flat = Object.entries(letter).flat()
        pipeline.xadd(DEAD_LETTER_STREAM, 'MAXLEN', '~', DEAD_LETTERS_KEPT, '*', ...flat)
      }
    })
  }

  async deadLettersInStream(): Promise<number> {
    return this.redis.xlen(DEAD_LETTER_STREAM)
  }

  async dropDeadLetterStream(): Promise<void> {
    await this.redis.del(DEAD_LETTER_STREAM)
  }

  /** Tells every worker that there is something to look after. */
  async wake(): Promise<void> {
    await this.redis.publish(WAKE_CHANNEL, '')
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
    const answers = (await pipeline.exec()) ?? []
    const error = answers.find(([failed]) => failed)?.[0]
    if (error) throw error
    return answers.map(([, result]) => result)
  }
}

/** An entry without what putting back has added to it. */
function asFirstAdded([id, fields]: PendingEntry): StreamEntry {
  if (fields?.at(-2) !== FIRST_ID) return { id, firstId: id, fields }
  return { id, firstId: fields.at(-1)!, fields: fields.slice(0, -2) }
}

/** A reply that is a flat list of names and values. */
function objectOf(flat: unknown[]): Record<string, unknown> {
  const object: Record<string, unknown> = {}
  for (let i = 0; i + 1 < flat.length; i += 2) object[String(flat[i])] = flat[i + 1]
  return object
}

/** Hears what is published to all workers, on a connection of its own. */
export class WakeBell {
  private readonly redis: Redis

  private constructor(redis: Redis) {
    this.redis = redis
  }

  /**
   * Resolves once it listens, however long Redis stays away. `onWake` is called for every wake, and
   * after every reconnect, as wakes may have been missed.
   */
  static async open(url: string, onWake: () => void): Promise<WakeBell> {
    const redis = await connected(url, 'wake', { socketTimeout: READER_SILENT_MS })
    redis.on('message', onWake)
    redis.on('ready', onWake)
    const bell = new WakeBell(redis)
    await bell.listen()
    return bell
  }

  /** ioredis subscribes anew after a reconnect; this is for one that broke while it began. */
  private async listen(): Promise<void> {
    for (const backoff = new Backoff({ first: 100, most: 2_000 }); ; ) {
      try {
        await this.redis.subscribe(WAKE_CHANNEL)
        return
      } catch (error) {
        if (this.redis.status === 'end') return
        log.warn({ code: codeOf(error) }, 'not listening for wakes yet')
        await backoff.pause()
      }
    }
  }

  /** Makes the server say something, so that a connection that stays silent is known to be dead. */
  async ping(): Promise<void> {
    await this.redis.ping()
  }

  close(): void {
    this.redis.disconnect()
  }
}
