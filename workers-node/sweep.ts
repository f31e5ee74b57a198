import { MODEL_FAMILIES } from '../drizzle/contract/models.ts'
import { findNextTimes, type NextTimes } from '../drizzle/statements/find-next-times.ts'
import { forgetOldRows } from '../drizzle/statements/forget-old-rows.ts'
import { reapTasksIfExpired } from '../drizzle/statements/reap-tasks-if-expired.ts'
import { reapTasksIfHolderMissing } from '../drizzle/statements/reap-tasks-if-holder-missing.ts'
import type { Unrung } from '../drizzle/statements/release-tasks-if-held.ts'
import { ringTasksIfDue } from '../drizzle/statements/ring-tasks-if-due.ts'
import { ringTasksIfLost } from '../drizzle/statements/ring-tasks-if-lost.ts'
import type { PostgresDoor, Statement } from '../drizzle/statements/statement.ts'
import { tellTime } from '../drizzle/statements/tell-time.ts'
import { log } from './log.ts'
import type { NativeRedis } from './redis.ts'

/** How many rows one statement of a sweep takes on. */
const STEP = 500
const FAMILY_NAMES = MODEL_FAMILIES.map(({ family }) => family)
/** A consumer that has not read for so long, and holds nothing, is taken out of its group. */
const CONSUMER_SILENT_MS = 600_000

export type SweepDoors = { postgres: PostgresDoor; redis: NativeRedis }

/**
 * Looks after all that no living worker looks after, for all families: takes back tasks whose lease
 * has run out, rings tasks whose message was lost, puts back messages whose reader died. Returns when
 * there is something to do again, and how many messages somebody held. Throws when a door fails; the next sweep goes on from there.
 *
 * `expiredBy` is the moment, by the clock of the database, before which a lease must have ended to be
 * reaped now. It must be that of an earlier look, since which the living have had time to renew theirs:
 * after a standstill the leases of all have run out, and the living must come first.
 */
export async function sweep(
  doors: SweepDoors,
  {
    leaseMs,
    expiredBy,
    consumer,
  }: { leaseMs: number; expiredBy: string | undefined; consumer: string },
): Promise<NextTimes & { pending: number }> {
  const reaped = expiredBy ? await ringAll(doors, reapTasksIfExpired(expiredBy, leaseMs, STEP)) : 0
  if (reaped > 0) log.warn({ tasks: reaped }, 'tasks taken back: their lease ran out')
  const [clock] = await doors.postgres.run(tellTime())
  const readings = await doors.redis.readGroups(MODEL_FAMILIES)
  const lost = await ringAll(doors, ringTasksIfLost(readings, clock!.moment, STEP))
  if (lost > 0) log.warn({ tasks: lost }, 'lost tasks rung again')
  await putBackPending(doors.redis, consumer, leaseMs)
  const [next] = await doors.postgres.run(findNextTimes(FAMILY_NAMES))
  return { ...next!, pending: readings.reduce((sum, { pending }) => sum + pending, 0) }
}

/** Puts back the messages that some consumer has held for `idleMs` without acknowledging them. */
export async function putBackPending(
  redis: NativeRedis,
  consumer: string,
  idleMs: number,
): Promise<void> {
  for (const family of MODEL_FAMILIES) {
    const messages = await redis.putBackPending(family, consumer, idleMs)
    if (messages > 0) log.warn({ family: family.family, messages }, 'messages put back')
  }
}

/** Puts back what readers have held for `idleMs` that are known to be dead, `dead` by family. */
export async function putBackFromDead(
  redis: NativeRedis,
  dead: string[][],
  { consumer, idleMs }: { consumer: string; idleMs: number },
): Promise<void> {
  for (const [i, family] of MODEL_FAMILIES.entries()) {
    for (const of of dead[i] ?? []) {
      const messages = await redis.putBackPendingOf(family, { of, consumer, idleMs })
      if (messages > 0)
        log.warn({ family: family.family, messages }, 'messages of the dead put back')
    }
  }
}

/** Takes back the tasks of holders whose session lock is gone. Returns how many there were. */
export async function takeFromMissing(
  doors: SweepDoors,
  keys: string[],
  leaseMs: number,
): Promise<number> {
  const reaped = await ringAll(doors, reapTasksIfHolderMissing(keys, leaseMs, STEP))
  if (reaped > 0) log.warn({ tasks: reaped }, 'tasks taken back: their worker is gone')
  return reaped
}

/** Rings what was put off and is due. */
export async function ringDue(doors: SweepDoors): Promise<void> {
  await ringAll(doors, ringTasksIfDue(STEP))
}

/** Forgets what has outlived its use, in both stores. */
export async function forget({ postgres, redis }: SweepDoors): Promise<void> {
  for (const family of MODEL_FAMILIES) await redis.dropSilentConsumers(family, CONSUMER_SILENT_MS)
  for (;;) {
    const [row] = await postgres.run(forgetOldRows(STEP))
    if (!row || Math.max(row.keys, row.lines) < STEP) return
  }
}

/** Rings what was taken out of other hands. */
export async function ring(redis: NativeRedis, tasks: Unrung[]): Promise<void> {
  if (tasks.length === 0) return
  await redis.ring(
    tasks.map(({ task_id, fence, family, traceparent }) => ({
      family,
      taskId: task_id,
      fence,
      traceparent,
    })),
  )
}

/** Runs a statement in steps until it finds no more, ringing what each step gives. */
async function ringAll(
  { postgres, redis }: SweepDoors,
  statement: Statement<Unrung>,
): Promise<number> {
  for (let total = 0; ; ) {
    const tasks = await postgres.run(statement)
    await ring(redis, tasks)
    total += tasks.length
    if (tasks.length < STEP) return total
  }
}
