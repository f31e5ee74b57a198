import { WORKER_PRESENCE_EVERY_S } from '../drizzle/contract/worker-presence.ts'
import {
  type Claim,
  type ClaimedTask,
  claimTasksIfPending,
} from '../drizzle/statements/claim-tasks-if-pending.ts'
import {
  type Finished,
  finishTasksIfHeld,
  type Outcome,
} from '../drizzle/statements/finish-tasks-if-held.ts'
import { type Release, releaseTasksIfHeld } from '../drizzle/statements/release-tasks-if-held.ts'
import { Backoff } from './backoff.ts'
import { callModel } from './call-model.ts'
import { type Consumption, claimWaiters, consume } from './consume.ts'
import { consumerName } from './consumer-name.ts'
import { Contact } from './contact.ts'
import { startDbLog } from './db-log.ts'
import { every } from './every.ts'
import { fileHandlesIn } from './file-handles.ts'
import { openFiles } from './files-door.ts'
import { gather } from './gather.ts'
import { renewLeases, savePartials } from './heartbeat.ts'
import { codeOf, log } from './log.ts'
import { Lookout } from './lookout.ts'
import { openModels } from './models.ts'
import { Nodes } from './nodes.ts'
import { openPostgres } from './postgres.ts'
import { NativeRedis, StreamReader, WakeBell } from './redis.ts'
import { Room } from './room.ts'
import { Rousing } from './rousing.ts'
import { runTask, type TaskRunner } from './run-task.ts'
import { RunningCall, RunningCalls } from './running-call.ts'
import { SessionLock } from './session-lock.ts'
import type { WorkerSettings } from './settings.ts'
import { Slots } from './slots.ts'
import { Suspects } from './suspects.ts'
import { ring } from './sweep.ts'
import { Waiters, type WaitingFamily } from './waiters.ts'
import { within } from './within.ts'

/** A task that so many holders have died under runs in a process of its own. */
const SUSPECT_DEATHS = 2
const SUSPECTS_AT_ONCE = 4
/** How long one call that tries a node in trouble keeps the others from trying, in ms. */
const PROBE_MS = 30_000
/**
 * How often leases are renewed at least, in ms: so that one renewal may be missed before peers give a
 * worker that has lost its session lock up for dead (`reap-tasks-if-holder-missing.ts`).
 */
const BEAT_MS = 500
/** A heartbeat that hangs is given up after so long, in ms. */
const BEAT_TIMEOUT_MS = 1_000
/** A connection that was given up is made anew within so long, in ms. */
const RECONNECT_MS = 500
const UNBLOCK_EVERY_MS = 100
/** How long a drain waits for reads to end, and for what is left at the end, in ms. */
const READS_END_MS = 2_000
const CLOSING_MS = 3_000
const HAND_BACK_AGAIN_AFTER_MS = { first: 100, most: 400 }
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

/** Starts a worker: its doors, one loop a family, the heartbeat and the lookout. */
export async function startWorker(settings: WorkerSettings): Promise<Worker> {
  const { WORKER_ID, LEASE_MS, PARTIAL_MS, DRAIN_MS, WORKER_CONCURRENCY } = settings
  const workerKey = randomKey()
  const families = settings.families.map(({ family }) => family)
  const beatMs = Math.min(Math.floor(LEASE_MS / 3), BEAT_MS)

  const postgres = openPostgres(settings.DATABASE_URL, {
    connections: 4,
    timeoutMs: 30_000,
  })
  const beatPostgres = openPostgres(settings.DATABASE_URL, {
    connections: 2,
    timeoutMs: BEAT_TIMEOUT_MS,
  })
  // Not shared with the work: waiting for a free connection would look like a standstill.
  const lookPostgres = openPostgres(settings.DATABASE_URL, { connections: 2, timeoutMs: 30_000 })
  const { DATABASE_DIRECT_URL } = settings
  const lock = DATABASE_DIRECT_URL ? new SessionLock(DATABASE_DIRECT_URL, workerKey) : undefined
  const consumer = consumerName(WORKER_ID, workerKey, lock !== undefined)
  const presence = { workerId: consumer, families: families.map(({ family }) => family) }
  const redis = await NativeRedis.open(settings.REDIS_URL)
  const dbLog = settings.ENABLE_DB_LOG ? startDbLog({ postgres, source: WORKER_ID }) : undefined
  const models = openModels(settings)
  const files = openFiles(settings)
  const handles = fileHandlesIn(postgres)
  const suspects = new Suspects({ atOnce: SUSPECTS_AT_ONCE })

  const contact = new Contact()
  const beatContact = contact.through(beatPostgres)
  const lookout = new Lookout({
    postgres: contact.through(lookPostgres),
    workPostgres: postgres,
    redis,
    contact,
    consumer,
    leaseMs: LEASE_MS,
    renewMs: BEAT_TIMEOUT_MS + beatMs + RECONNECT_MS,
    ownKey: lock && String(workerKey),
  })
  const bell = await WakeBell.open(settings.REDIS_URL, () => lookout.wake())
  const stopping = new AbortController()
  const calls = new RunningCalls()
  const nodes = new Nodes({
    postgres,
    families: settings.families,
    discover: settings.NODE_DISCOVERY,
    breaker: { failures: settings.BREAKER_FAILURES, coolDownMs: settings.BREAKER_COOL_DOWN_MS },
    answers: models.answers,
    onRecovered: (family) => waiters.mayGo(family),
  })
  const waitingFamilies = new Map<string, WaitingFamily>()
  const waiters = new Waiters({
    postgres,
    nodes: () => nodes.known(),
    waitMs: settings.NODE_WAIT_MS,
    families: waitingFamilies,
    onWaiting: () => nodes.keepAsking(),
    stopping: stopping.signal,
  })
  const rousing = new Rousing({ redis, lock, lookout, nodes, leaseMs: LEASE_MS })
  const gate = { probeMs: PROBE_MS, waitMs: settings.NODE_WAIT_MS }
  const claim = gather((claims: Claim[]) => {
    const watched = lock?.held ?? false
    const holder = {
      workerId: WORKER_ID,
      workerKey,
      watched,
      leaseMs: LEASE_MS,
      nodes: nodes.known(),
      gate,
    }
    return postgres.run(claimTasksIfPending(claims, holder))
  }, CLAIM_LIMITS)
  const finish = gather(async (outcomes: Outcome[]) => {
    const rows = await postgres.run(finishTasksIfHeld(outcomes))
    if (outcomes.some(({ deadLetterId }) => deadLetterId !== null)) lookout.deadLetters()
    for (const row of rows) placeLeft(row)
    const held = new Set(rows.map(({ id, fence }) => `${id} ${fence}`))
    return outcomes.map(({ taskId, fence }) => held.has(`${taskId} ${fence}`))
  }, FINISH_LIMITS)
  const release = gather(async (releases: Release[]) => {
    const rows = await postgres.run(releaseTasksIfHeld(releases))
    for (const { afterMs } of releases) lookout.dueIn(afterMs)
    for (const row of rows) placeLeft(row)
    const released = new Set(rows.map(({ task_id }) => task_id))
    return releases.map(({ taskId }) => released.has(taskId))
  })
  const runner: TaskRunner = {
    answer(task, signal) {
      // What two deaths have followed runs where the next one is nobody else's.
      if (task.deaths >= SUSPECT_DEATHS) return suspects.call(task, signal)
      return callModel(models.modelFor(task), task, { files, handles, signal })
    },
    finish,
    release,
    report: (task, how, restMs) => nodes.report(task, how, restMs),
    maxAttempts: settings.MAX_ATTEMPTS,
    maxDeaths: settings.MAX_DEATHS,
    retryBaseMs: settings.RETRY_BASE_MS,
  }

  const readers = await Promise.all(
    families.map((family) => {
      const onReconnect = () => lookout.wake()
      return StreamReader.open(settings.REDIS_URL, { family, consumer, onReconnect })
    }),
  )
  const allSlots = families.map(() => new Slots(WORKER_CONCURRENCY, restWhereAllFree))
  await nodes.untilRegistered()
  const loops = families.map((family, i) => {
    const slots = allSlots[i]!
    const room = new Room(nodes.roomOf(family.family), () => waiters.mustWait())
    const consumption: Consumption = {
      family,
      reader: readers[i]!,
      redis,
      postgres,
      claim,
      beforeClaim: () => rousing.rouse(),
      start: (task) => start(task, slots),
      onDeadLetters: () => lookout.deadLetters(),
      onPutOff: (ms) => lookout.dueIn(ms),
      onGroupLost: () => lookout.wake(),
      room,
      onLeftPending: () => lookout.wake(),
      slots,
      stopping: stopping.signal,
    }
    waitingFamilies.set(family.family, {
      room,
      slots,
      claim: (taken) => claimWaiters(consumption, taken),
    })
    return consume(consumption)
  })
  const beats = [
    every(beatMs, 'heartbeat', () => {
      contact.tick(LEASE_MS)
      const watched = lock?.held ?? false
      return renewLeases(beatContact, calls, { leaseMs: LEASE_MS, watched })
    }),
    every(PARTIAL_MS, 'saving partial text', () => savePartials(beatPostgres, calls)),
  ]
  const rounds = [
    every(WORKER_PRESENCE_EVERY_S * 1000, 'saying present', async () => {
      await redis.sayPresent(presence)
      await bell.ping()
    }),
  ]

  return { drain }

  function restWhereAllFree(): void {
    if (allSlots.every(({ allFree }) => allFree)) rousing.rest()
  }

  /** The room goes to those that wait, if any do, before it goes to what is read. */
  function placeLeft({ family, node_awaited }: Pick<Finished, 'family' | 'node_awaited'>): void {
    if (node_awaited) waiters.mayGo(family)
    else waitingFamilies.get(family)?.room.add(1)
  }

  function start(task: ClaimedTask, slots: Slots): boolean {
    if (calls.has(task)) return false
    const call = new RunningCall(task)
    calls.add(call)
    void runTask(call, runner).finally(() => {
      calls.delete(call)
      slots.release()
      // Who has taken it, by a cancel or a delete, has not told those that wait for its node.
      if (call.lost) waiters.mayGo(task.family)
    })
    return true
  }

  async function drain(): Promise<void> {
    const graceEnds = performance.now() + DRAIN_MS
    stopping.abort()
    await stopReading()
    await within(graceEnds - performance.now(), calls.untilNone())
    await handBack()
    suspects.close()
    const loops = Promise.all([...beats, ...rounds, lookout, nodes].map((loop) => loop.stop()))
    await within(CLOSING_MS, loops.then(leave))
    await within(CLOSING_MS, Promise.resolve(dbLog?.stop()))
    bell.close()
    redis.close()
    lock?.letGo()
    const doors = [postgres, beatPostgres, lookPostgres, models, files].map((door) => door.close())
    await within(CLOSING_MS, Promise.all(doors))
  }

  /** Ends the reads that wait, and sees what they delivered claimed; where Redis is silent, not. */
  async function stopReading(): Promise<void> {
    const unblocking = every(UNBLOCK_EVERY_MS, 'unblocking', async () => {
      await Promise.all(readers.map((reader) => reader.unblock(redis)))
    })
    const read = Promise.all([...loops, waiters.stop()])
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

  /**
   * Hands back what still runs. An answer that is complete has a last chance to be stored, and is
   * handed back after that. Where Postgres is away, the leases run out instead.
   */
  async function handBack(): Promise<void> {
    const unended = calls.list().filter(({ ended }) => !ended)
    await within(CLOSING_MS, Promise.all([giveUp(unended), calls.untilNone()]))
    await within(CLOSING_MS, giveUp(calls.list().filter(({ released }) => !released)))
  }

  async function giveUp(left: RunningCall[]): Promise<void> {
    if (left.length === 0) return
    for (const call of left) {
      call.released = true
      call.abort.abort()
    }
    const releases = left.map(({ held }) => ({ ...held, because: 'drained', afterMs: 0 }) as const)
    const ends = performance.now() + CLOSING_MS
    const untilDone = async <Result>(what: string, act: () => Promise<Result>) => {
      for (const backoff = new Backoff(HAND_BACK_AGAIN_AFTER_MS); performance.now() < ends; ) {
        try {
          return await act()
        } catch (error) {
          log.warn({ code: codeOf(error) }, what)
          await backoff.pause()
        }
      }
    }
    const tasks = await untilDone('tasks not handed back', () =>
      beatPostgres.run(releaseTasksIfHeld(releases)),
    )
    if (!tasks) return
    log.info({ tasks: tasks.length }, 'tasks handed back')
    // Rung apart: what was handed back once is not given a second time.
    await untilDone('tasks handed back, but not rung', () => ring(redis, tasks))
  }
}

/** A random number of 63 bits: this process, whatever its WORKER_ID. */
function randomKey(): bigint {
  return crypto.getRandomValues(new BigUint64Array(1))[0]! >> 1n
}
