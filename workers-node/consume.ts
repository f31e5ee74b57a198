import { v7 as uuidv7 } from 'uuid'
import type { ModelFamily } from '../drizzle/contract/models.ts'
import { streamMessage } from '../drizzle/contract/stream-message.ts'
import type {
  Claim,
  ClaimedTask,
  ClaimVerdict,
} from '../drizzle/statements/claim-tasks-if-pending.ts'
import {
  type DeadMessage,
  type DeadMessageCode,
  MAX_PAYLOAD_BYTES,
  saveDeadMessages,
} from '../drizzle/statements/save-dead-messages.ts'
import type { PostgresDoor } from '../drizzle/statements/statement.ts'
import type { Waiter } from '../drizzle/statements/take-waiters-if-room.ts'
import { Backoff } from './backoff.ts'
import { codeOf, log } from './log.ts'
import { isReply, type NativeRedis, type StreamEntry, type StreamReader } from './redis.ts'
import type { Room } from './room.ts'
import type { Slots } from './slots.ts'
import { cutToBytes, storableText } from './storable-text.ts'

const AGAIN_AFTER_MS = { first: 100, most: 2_000 }

/** A late or doubled message finds a stale fence, and nothing is left to do. */
const WHAT_FOLLOWS = {
  stale: null,
  waiting: null,
  unknown: 'unknown_task',
  future: 'future_fence',
  stray: 'wrong_stream',
} as const

export type Consumption = {
  family: ModelFamily
  reader: StreamReader
  redis: NativeRedis
  postgres: PostgresDoor
  slots: Slots
  claim(claim: Claim): Promise<ClaimVerdict>
  /** Resolves when the others know that this worker is about to claim. */
  beforeClaim(): Promise<void>
  /** Starts a claimed task, which gives its slot back when it ends; false where it runs already. */
  start(task: ClaimedTask): boolean
  /** Told when dead letters were written. */
  onDeadLetters(): void
  /** Told when a task found no room at any node, and was put off for so many ms. */
  onPutOff(ms: number): void
  /** Told when the group was gone, and its messages with it. */
  onGroupLost(): void
  /** Holds reading back while the family's nodes have no room. */
  room: Room
  /** Told when messages were read that could not be acknowledged. */
  onLeftPending(): void
  stopping: AbortSignal
}

/**
 * The loop of one family: read as many messages as there are free slots, claim what they name,
 * acknowledge, run. Resolves when stopping, once all that was read has been dealt with.
 */
export async function consume(consumption: Consumption): Promise<void> {
  const { family, reader, redis, slots, room, onGroupLost, stopping } = consumption
  const underWay = new Set<Promise<void>>()
  const wakeAll = () => {
    slots.wake()
    room.wake()
  }
  stopping.addEventListener('abort', wakeAll, { once: true })
  const backoff = new Backoff(AGAIN_AFTER_MS)
  while (!stopping.aborted) {
    await room.untilSome(stopping)
    await slots.untilFree(stopping)
    if (stopping.aborted) break
    try {
      const entries = await reader.read(Math.min(slots.free, room.left))
      backoff.reset()
      if (entries.length === 0) continue
      slots.take(entries.length)
      room.add(-entries.length)
      const dealing = deal(consumption, entries).finally(() => underWay.delete(dealing))
      underWay.add(dealing)
    } catch (error) {
      if (stopping.aborted) break
      if (isReply(error, 'NOGROUP') && (await isMade(redis, family))) {
        onGroupLost()
        continue
      }
      log.warn({ family: family.family, code: codeOf(error) }, 'stream not read')
      await backoff.pause()
    }
  }
  await Promise.all(underWay)
}

async function isMade(redis: NativeRedis, family: ModelFamily): Promise<boolean> {
  return redis.makeGroup(family).then(
    () => true,
    () => false,
  )
}

/** Deals with all that one read delivered; each entry holds a slot. */
async function deal(consumption: Consumption, entries: StreamEntry[]): Promise<void> {
  const { family, redis, slots, onLeftPending } = consumption
  const verdicts = await Promise.all(entries.map((entry) => judge(consumption, entry)))
  const dead: DeadMessage[] = []
  for (const [i, verdict] of verdicts.entries()) {
    if (verdict === 'started') continue
    slots.release()
    if (verdict) dead.push({ ...entryOf(family, entries[i]!), code: verdict })
  }
  try {
    if (dead.length > 0) await bury(consumption, dead)
    await redis.acknowledge(
      family,
      entries.map(({ id }) => id),
    )
  } catch (error) {
    // They stay pending until a lookout puts them back, for whoever reads them then to deal with.
    log.warn({ family: family.family, code: codeOf(error) }, 'messages not acknowledged')
    onLeftPending()
  }
}

/**
 * What becomes of one entry: its task is started, it is dead for a reason, or null where nothing is
 * to be done. A claimed task starts at once, whatever the others of its read still wait for.
 */
async function judge(
  consumption: Consumption,
  { fields }: StreamEntry,
): Promise<'started' | DeadMessageCode | null> {
  const message = streamMessage.safeParse(fields && objectOf(fields))
  if (message.success) return claimNamed(consumption, message.data)
  consumption.room.add(1)
  return fields && 'unreadable_message'
}

/**
 * Claims tasks that wait no longer for a node, past the stream, and starts those that it gets; each
 * holds a slot. What cannot be claimed now is rung as lost messages are.
 */
export async function claimWaiters(consumption: Consumption, waiters: Waiter[]): Promise<void> {
  const { slots } = consumption
  await Promise.all(
    waiters.map(async (waiter) => {
      if ((await claimNamed(consumption, waiter)) !== 'started') slots.release()
    }),
  )
}

async function claimNamed(
  { claim, beforeClaim, family, start, room, onPutOff, stopping }: Consumption,
  { task_id: taskId, fence }: Waiter,
): Promise<'started' | DeadMessageCode | null> {
  await beforeClaim()
  let again = false
  for (const backoff = new Backoff(AGAIN_AFTER_MS); ; again = true) {
    try {
      const {
        verdict,
        task,
        wait_ms,
        room: left,
      } = await claim({
        taskId,
        fence,
        family: family.family,
        history: family.history,
        again,
      })
      room.is(left)
      if (verdict === 'claimed') return start(task) ? 'started' : null
      if (verdict === 'waiting') onPutOff(wait_ms)
      return WHAT_FOLLOWS[verdict]
    } catch (error) {
      log.warn({ task_id: taskId, code: codeOf(error) }, 'not claimed yet')
      // Left PENDING; some worker's sweep rings it again.
      if (stopping.aborted) return null
      await backoff.pause()
    }
  }
}

/** A bad message goes to the dead letters before it is acknowledged, so that it cannot vanish. */
async function bury({ postgres, onDeadLetters }: Consumption, dead: DeadMessage[]): Promise<void> {
  await postgres.run(saveDeadMessages(dead))
  onDeadLetters()
  for (const { entryId, stream, code } of dead) {
    log.warn({ stream, entry_id: entryId, code }, 'message is a dead letter')
  }
}

function entryOf(
  { stream }: ModelFamily,
  { firstId, fields }: StreamEntry,
): Omit<DeadMessage, 'code'> {
  const payload = cutToBytes(storableText(JSON.stringify(fields)), MAX_PAYLOAD_BYTES)
  return { id: uuidv7(), stream, entryId: firstId, payload }
}

function objectOf(flat: string[]): Record<string, string> {
  const object: Record<string, string> = {}
  for (let i = 0; i + 1 < flat.length; i += 2) object[flat[i]!] = flat[i + 1]!
  return object
}
