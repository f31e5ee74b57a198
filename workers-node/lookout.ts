import { MODEL_FAMILIES } from '../drizzle/contract/models.ts'
import { findMissingHolders } from '../drizzle/statements/find-missing-holders.ts'
import type { NextTimes } from '../drizzle/statements/find-next-times.ts'
import { findNextTimes } from '../drizzle/statements/find-next-times.ts'
import type { PostgresDoor } from '../drizzle/statements/statement.ts'
import { Alarm } from './alarm.ts'
import { keyOfWatched } from './consumer-name.ts'
import type { Contact } from './contact.ts'
import { copyDeadLetters } from './copy-dead-letters.ts'
import { codeOf, log } from './log.ts'
import { Looks } from './looks.ts'
import {
  forget,
  putBackFromDead,
  putBackPending,
  ringDue,
  type SweepDoors,
  sweep,
  takeFromMissing,
} from './sweep.ts'

/** An idle worker sweeps so rarely that a database which sleeps when nobody asks may sleep. */
const IDLE_MS = 3_600_000
/** How often the session locks of the others are looked at while tasks are open, in ms. */
const LOOK_EVERY_MS = 500
/** Who is missing on so many looks is dead: a session may be away for a moment. */
const DEAD_LOOKS = 2
/** What the dead have renewed just before may not be taken yet: it is tried again in so many ms… */
const LOOK_SOON_MS = 100
/** …until, after so many looks, the holder seems to live, and to have lost no more than its lock. */
const LOOKS_SOON = 20
/** A reader that has died is known by two looks; what it held then is at least so old, in ms. */
const PENDING_OF_THE_DEAD_MS = 400
/** Leases that end one soon after another share a sweep, in ms. */
const SWEEP_GAP_MS = 1_000
const COPY_GAP_MS = 10_000
const FORGET_GAP_MS = 600_000
/** A lease is looked at just after its end, in ms. */
const PAST_MS = 20

/** For so many looks after a wake, who holds messages is looked at too: it may die before its first claim. */
const LOOKS_AT_READERS = 4
/**
 * How long a reader without its session lock has had its messages when they are put back, in ms. A living
 * one may take longer to get its lock, as while the database wakes: what it has read then costs one
 * message more and one claim that finds nothing, and no second effect.
 */
const PENDING_WITHOUT_LOCK_MS = 900

export type LookoutOptions = SweepDoors & {
  /** Where nothing depends on how soon it answers. */
  workPostgres: PostgresDoor
  leaseMs: number
  /** Within how long a living worker renews its leases when Postgres goes on after a standstill. */
  renewMs: number
  /** The name by which this worker reads. */
  consumer: string
  /** The key of this worker's own session lock; without one, those of others are not looked at. */
  ownKey: string | undefined
  contact: Contact
}

/**
 * When a worker looks after all that no living worker looks after. It sweeps when the next lease
 * ends or ring may be lost, and at least once a lease while any task of anyone is open; rings tasks
 * at the moment they are due; and looks at the session locks of the others. Where no task is open
 * it is idle, until it is woken.
 */
export class Lookout {
  private readonly options: LookoutOptions
  private idle = false
  private wakes = 0
  private known = new Set<string>()
  private missed = new Map<string, number>()
  private looksAtReaders = 0
  /** The readers that had no lock at the last look. */
  private lockless = new Set<string>()
  private readonly looks = new Looks()
  private readonly alarms: Alarm[]
  private readonly sweeping: Alarm
  private readonly ringing: Alarm
  private readonly looking: Alarm
  private readonly copying: Alarm
  private readonly forgetting: Alarm

  constructor(options: LookoutOptions) {
    this.options = options
    const { workPostgres, redis } = options
    this.sweeping = new Alarm('sweep', () => this.sweep())
    this.ringing = new Alarm('ringing what is due', () => this.ringDue())
    this.looking = new Alarm('looking for dead workers', () => this.look())
    this.copying = new Alarm('copying dead letters', async () => {
      await copyDeadLetters({ postgres: workPostgres, redis })
      return Number.POSITIVE_INFINITY
    })
    this.forgetting = new Alarm('forgetting', async () => {
      await forget({ postgres: workPostgres, redis })
      return Number.POSITIVE_INFINITY
    })
    this.alarms = [this.sweeping, this.ringing, this.looking, this.copying, this.forgetting]
  }

  /** There may be something to look after. One that is not idle will find it in time. */
  wake(): void {
    this.wakes++
    this.looksAtReaders = LOOKS_AT_READERS
    if (!this.idle) return
    this.idle = false
    this.sweeping.bringForward()
    this.looking.bringForward()
  }

  /** A task is due in so many ms. */
  dueIn(ms: number): void {
    this.ringing.bringForward(ms)
  }

  /** A dead letter was written. */
  deadLetters(): void {
    this.copying.bringForward()
  }

  /** Resolves when nothing is under way any more. */
  async stop(): Promise<void> {
    await Promise.all(this.alarms.map((alarm) => alarm.stop()))
  }

  private mayReap(): boolean {
    return this.options.contact.lastsMs() > this.options.leaseMs
  }

  private async sweep(): Promise<number> {
    const { leaseMs, renewMs, consumer } = this.options
    const { wakes } = this
    const expiredBy = this.mayReap() ? this.looks.before(renewMs) : undefined
    const next = await sweep(this.options, { leaseMs, consumer, expiredBy })
    this.looks.add(next.moment)
    this.copying.unlessWithin(COPY_GAP_MS)
    this.forgetting.unlessWithin(FORGET_GAP_MS)
    this.idle = isNothingOpen(next) && wakes === this.wakes
    if (this.idle) return IDLE_MS
    if (next.due_ms !== null) this.ringing.bringForward(Math.max(next.due_ms, 0))
    this.looking.bringForward()
    return nextSweep(next, leaseMs)
  }

  private async ringDue(): Promise<number> {
    await ringDue(this.options)
    const [next] = await this.options.postgres.run(findNextTimes([]))
    return next?.due_ms == null ? Number.POSITIVE_INFINITY : Math.max(next.due_ms, 0) + PAST_MS
  }

  private async look(): Promise<number> {
    const { postgres, redis, consumer, leaseMs, ownKey } = this.options
    if (ownKey === undefined || this.idle) {
      this.known.clear()
      this.missed.clear()
      this.lockless.clear()
      return Number.POSITIVE_INFINITY
    }
    const [row] = await postgres.run(findMissingHolders())
    const present = new Set(row!.present)
    if (this.looksAtReaders > 0) await this.lookAtReaders(present).catch(sayUnread)
    const missing = [...new Set([...row!.missing, ...this.known.difference(present)])]
    this.missed = new Map(missing.map((key) => [key, (this.missed.get(key) ?? 0) + 1]))
    const dead = [...this.missed].filter(([key, looks]) => key !== ownKey && looks >= DEAD_LOOKS)
    this.known = this.known.union(present)
    if (dead.length === 0 || !this.mayReap()) return LOOK_EVERY_MS
    const keys = dead.map(([key]) => key)
    await takeFromMissing(this.options, keys, leaseMs)
    await putBackPending(redis, consumer, PENDING_OF_THE_DEAD_MS)
    this.known = this.known.difference(new Set(keys))
    return dead.some(([, looks]) => looks < LOOKS_SOON) ? LOOK_SOON_MS : LOOK_EVERY_MS
  }

  /**
   * Puts back what was read by those that died before their first claim: no task names them, and an
   * idle worker has never seen their lock. Two looks in a row must miss it, as of others; but contact
   * need not have lasted, as one that was idle must act soon. While some are suspected, the looks go on.
   */
  private async lookAtReaders(present: Set<string>): Promise<void> {
    const { redis, consumer } = this.options
    const holders = await redis.holdersOfPending(MODEL_FAMILIES)
    const lockless = holders.map((names) =>
      names.filter((name) => name !== consumer && isGone(name, present)),
    )
    const dead = lockless.map((names) => names.filter((name) => this.lockless.has(name)))
    this.lockless = new Set(lockless.flat())
    this.looksAtReaders = this.lockless.size > 0 ? LOOKS_AT_READERS : this.looksAtReaders - 1
    await putBackFromDead(redis, dead, { consumer, idleMs: PENDING_WITHOUT_LOCK_MS })
  }
}

/** Redis may be away, or its group: who holds tasks is looked at all the same. */
function sayUnread(error: unknown): void {
  log.warn({ code: codeOf(error) }, 'readers not looked at')
}

/** Whether a reader should hold a session lock and does not. */
function isGone(consumer: string, present: Set<string>): boolean {
  const key = keyOfWatched(consumer)
  return key !== undefined && !present.has(key)
}

/** What is pending counts: its reader may be dead, or have failed to deal with it. */
function isNothingOpen({
  lease_ms,
  due_ms,
  lost_ms,
  pending,
}: NextTimes & { pending: number }): boolean {
  return lease_ms === null && due_ms === null && lost_ms === null && pending === 0
}

/** What waits its turn in a long queue, or may not be reaped yet, is not looked at all the time. */
function nextSweep({ lease_ms, lost_ms }: NextTimes, leaseMs: number): number {
  const atLeaseEnd = Math.max(lease_ms ?? leaseMs, SWEEP_GAP_MS) + PAST_MS
  const atLoss = Math.max((lost_ms ?? leaseMs) + PAST_MS, leaseMs / 2)
  return Math.min(atLeaseEnd, atLoss, leaseMs)
}
