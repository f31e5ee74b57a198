import { setTimeout as pause } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { MODEL_FAMILIES } from '../../drizzle/contract/models.ts'
import type { FaultStack } from '../faults/scenario.ts'
import { Clients, type Done } from './clients.ts'
import { answerByManner } from './manners.ts'

/** So many a second that their copies reach, within half an hour, the 10,000 that are kept. */
export const BAD_MESSAGES_PER_S = 6

export type Load = {
  done: Done
  /** Submits no more, and resolves once every client has seen the end of its batch. */
  end(): Promise<void>
}

/**
 * Submits so many batches a second while something is done, whose clients follow them to their ends,
 * and puts bad messages on the streams. The models answer well, badly or not at all.
 */
export async function underMixedLoad<Result>(
  stack: FaultStack,
  perSecond: number,
  act: (load: Load) => Promise<Result>,
): Promise<Result> {
  const givingUp = new AbortController()
  const clients = new Clients(stack, givingUp.signal)
  const redis = new Redis(stack.redisUrl, { protocol: 2 })
  const underWay = new Set<Promise<void>>()
  let ended = false

  async function submitting(): Promise<void> {
    while (!ended) {
      const turn = clients.takeTurn().finally(() => underWay.delete(turn))
      underWay.add(turn)
      await pause(1000 / perSecond)
    }
  }
  async function disturbing(): Promise<void> {
    while (!ended) {
      await sendBadMessages(redis, BAD_MESSAGES_PER_S)
      await pause(1000)
    }
  }
  async function end(): Promise<void> {
    ended = true
    await Promise.all(running)
    await Promise.all(underWay)
  }

  answerByManner(stack)
  const running = [submitting(), disturbing()]
  try {
    return await act({ done: clients.done, end })
  } finally {
    givingUp.abort()
    // On the way down Redis may be gone already.
    await end().catch(() => {})
    redis.disconnect()
  }
}

/** Entries that no worker can read, on the streams of all families in turn. */
async function sendBadMessages(redis: Redis, count: number): Promise<void> {
  const pipeline = redis.pipeline()
  for (let i = 0; i < count; i++) {
    const { stream } = MODEL_FAMILIES[i % MODEL_FAMILIES.length]!
    pipeline.xadd(stream, '*', 'task_id', 'of no task', 'fence', 'none')
  }
  await pipeline.exec()
}
