import { setTimeout as pause } from 'node:timers/promises'
import type { ModelFamily } from '../drizzle/contract/models.ts'
import { WORKER_PRESENCE_EVERY_S } from '../drizzle/contract/worker-presence.ts'
import { type Claim, claimTasksIfPending } from '../drizzle/statements/claim-tasks-if-pending.ts'
import { finishTasksIfHeld, type Outcome } from '../drizzle/statements/finish-tasks-if-held.ts'
import { releaseTasksIfHeld } from '../drizzle/statements/release-tasks-if-held.ts'
import { consume } from './consume.ts'
import { Contact } from './contact.ts'
import { every } from './every.ts'
import { gather } from './gather.ts'
import { renewLeases, savePartials } from './heartbeat.ts'
import { codeOf, log } from './log.ts'
import { openModelFetch } from './model-fetch.ts'
import { openPostgres } from './postgres.ts'
import { providerOf } from './providers/provider-of.ts'
import { NativeRedis, StreamReader } from './redis.ts'
import { runTask } from './run-task.ts'
import { RunningCall, RunningCalls } from './running-call.ts'
import type { Endpoint, WorkerSettings } from './settings.ts'
import { Slots } from './slots.ts'
import { forget, ring, sweep } from './sweep.ts'

const FORGET_EVERY_MS = 600_000
const UNBLOCK_EVERY_MS = 100
/** How long a drain waits for reads to end, and for what is left at the end, in ms. */
const READS_END_MS = 2_000
const CLOSING_MS = 3_000
/** A claim brings a prompt and a history along, each of up to 200,000 characters. */
const CLAIM_LIMITS = { items: 50, weight: Number.POSITIVE_INFINITY, weigh: () => 0 }
/** How much text one finish statement carries, in characters. */
const FINISH_LIMITS = {
  items: 200,
  weight: 8_000_000,
  weigh: ({ responseText, reasoningText }: Outcome) =>
    (responseText?.length ?? 0) + (reasoningText?.length ?? 0),
}

export type Worker = {
  /** Takes no new work, gives running calls the grace time, hands the rest back, closes all. */
  drain(): Promise<void>
}

/** Starts a worker: its doors, one loop a family, the heartbeat and the sweep. */
export async function startWorker(settings: WorkerSettings): Promise<Worker> {
  const { WORKER_ID, LEASE_MS, PARTIAL_MS, DRAIN_MS, WORKER_CONCURRENCY } = settings
  const workerKey = randomKey()
  const consumer = `${WORKER_ID}-${workerKey.toString(16)}`
  const families = settings.families.map(({ family }) => family)
  const presence = { workerId: consumer, families: families.map(({ family }) => family) }
  const holder = { workerId: WORKER_ID, workerKey, leaseMs: LEASE_MS }
  const beatMs = Math.min(Math.floor(LEASE_MS / 3), 1000)

  const postgres = openPostgres(settings.DATABASE_URL, {
    connections: 4,
    timeoutMs: 30_000,
  })
  const beatPostgres = openPostgres(settings.DATABASE_URL, {
    connections: 2,
    timeoutMs: Math.max(beatMs, 1000),
  })
  const redis = await NativeRedis.open(settings.REDIS_URL)
  const modelFetch = openModelFetch()

  const contact = new Contact()
  const calls = new RunningCalls()
  const claim = gather(
    (claims: Claim[]) => postgres.run(claimTasksIfPending(claims, holder)),
    CLAIM_LIMITS,
  )
  const finish = gather(async (outcomes: Outcome[]) => {
    const rows = await postgres.run(finishTasksIfHeld(outcomes))
    const held = new Set(rows.map(({ id, fence }) => `${id} ${fence}`))
    return outcomes.map(({ taskId, fence }) => held.has(`${taskId} ${fence}`))
  }, FINISH_LIMITS)

  const stopping = new AbortController()
  const readers = await Promise.all(
    families.map((family) => StreamReader.open(settings.REDIS_URL, family, consumer)),
  )
  const loops = settings.families.map(({ family, endpoint }, i) =>
    consume({
      family,
      reader: readers[i]!,
      redis,
      postgres,
      claim,
      stopping: stopping.signal,
      ...runnerOf(family, endpoint),
    }),
  )
  const beats = [
    every(beatMs, 'heartbeat', () =>
      contact.during(() => renewLeases(beatPostgres, calls, LEASE_MS)),
    ),
    every(PARTIAL_MS, 'saving partial text', () => savePartials(beatPostgres, calls)),
  ]
  const rounds = [
    every(WORKER_PRESENCE_EVERY_S * 1000, 'saying present', () => redis.sayPresent(presence)),
    every(LEASE_MS / 2, 'sweep', () =>
      contact.during(() =>
        sweep({ postgres, redis }, { leaseMs: LEASE_MS, mayReap: contact.lastsMs() > LEASE_MS }),
      ),
    ),
    every(FORGET_EVERY_MS, 'forgetting', () => forget(postgres)),
  ]

  return { drain }

  function runnerOf(family: ModelFamily, { totalMs, ...endpoint }: Endpoint) {
    const modelNamed = providerOf(family)({ ...endpoint, fetch: modelFetch.fetch })
    const slots = new Slots(WORKER_CONCURRENCY)
    return {
      slots,
      start(task: RunningCall['task']) {
        const call = new RunningCall(task)
        calls.add(call)
        void runTask(call, { model: modelNamed(task.model), totalMs }, finish).finally(() => {
          calls.delete(call)
          slots.release()
        })
      },
    }
  }

  async function drain(): Promise<void> {
    const graceEnds = performance.now() + DRAIN_MS
    stopping.abort()
    await stopReading()
    await within(graceEnds - performance.now(), calls.untilNone())
    await release()
    const loops = Promise.all([...beats, ...rounds].map((loop) => loop.stop()))
    await within(CLOSING_MS, loops.then(leave))
    redis.close()
    const doors = [postgres.close(), beatPostgres.close(), modelFetch.close()]
    await within(CLOSING_MS, Promise.all(doors))
  }

  /** Ends the reads that wait, and sees what they delivered claimed; where Redis is silent, not. */
  async function stopReading(): Promise<void> {
    const unblocking = every(UNBLOCK_EVERY_MS, 'unblocking', async () => {
      await Promise.all(readers.map((reader) => reader.unblock(redis)))
    })
    const read = Promise.all(loops)
    await within(READS_END_MS, read)
    void unblocking.stop()
    for (const reader of readers) reader.close()
    await within(READS_END_MS, read)
  }

  async function leave(): Promise<void> {
    await redis
      .leave(presence, families, consumer)
      .catch((error: unknown) => log.warn({ code: codeOf(error) }, 'left without a word'))
  }

  /** Hands back what still runs. Where Postgres is away, the leases run out instead. */
  async function release(): Promise<void> {
    const left = calls.list()
    if (left.length === 0) return
    for (const call of left) {
      call.released = true
      call.abort.abort()
    }
    try {
      const tasks = await beatPostgres.run(releaseTasksIfHeld(left.map(({ held }) => held)))
      await ring(redis, tasks)
      log.info({ tasks: tasks.length }, 'tasks handed back')
    } catch (error) {
      log.warn({ code: codeOf(error) }, 'tasks not handed back')
    }
  }
}

/** Waits for something, but not for longer than `ms`. */
async function within(ms: number, something: Promise<unknown>): Promise<void> {
  const late = new AbortController()
  const bound = pause(Math.max(ms, 0), undefined, { signal: late.signal }).catch(() => {})
  await Promise.race([something, bound])
  late.abort()
}

/** A random number of 63 bits: this process, whatever its WORKER_ID. */
function randomKey(): bigint {
  return crypto.getRandomValues(new BigUint64Array(1))[0]! >> 1n
}
