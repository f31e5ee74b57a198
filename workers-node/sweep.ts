import { MODEL_FAMILIES } from '../drizzle/contract/models.ts'
import { forgetOldRows } from '../drizzle/statements/forget-old-rows.ts'
import { reapTasksIfExpired } from '../drizzle/statements/reap-tasks-if-expired.ts'
import type { Unrung } from '../drizzle/statements/release-tasks-if-held.ts'
import { ringTasksIfLost } from '../drizzle/statements/ring-tasks-if-lost.ts'
import type { PostgresDoor, Statement } from '../drizzle/statements/statement.ts'
import { log } from './log.ts'
import type { NativeRedis } from './redis.ts'

/** How many rows one statement of a sweep takes on. */
const STEP = 200

export type SweepDoors = { postgres: PostgresDoor; redis: NativeRedis }

/**
 * Looks after all that no living worker looks after: takes back tasks whose lease has run out, and
 * rings tasks whose message was lost. Any worker does it for all families. Throws when a door fails;
 * the next sweep goes on from there.
 *
 * `mayReap` must be false while the worker has not been in contact with Postgres for a whole lease:
 * after an outage the leases of the living have run out too, and they must come first.
 */
export async function sweep(
  { postgres, redis }: SweepDoors,
  { leaseMs, mayReap }: { leaseMs: number; mayReap: boolean },
): Promise<void> {
  const reaped = mayReap ? await ringAll({ postgres, redis }, reapTasksIfExpired(leaseMs, STEP)) : 0
  if (reaped > 0) log.warn({ tasks: reaped }, 'tasks taken back from dead workers')
  for (const family of MODEL_FAMILIES) {
    const { deliveredMs } = await redis.readingOf(family)
    const statement = ringTasksIfLost(family.family, deliveredMs, STEP)
    const rung = await ringAll({ postgres, redis }, statement)
    if (rung > 0) log.warn({ family: family.family, tasks: rung }, 'lost tasks rung again')
  }
}

/** Forgets what has outlived its use. */
export async function forget(postgres: PostgresDoor): Promise<void> {
  for (;;) {
    const [row] = await postgres.run(forgetOldRows(STEP))
    if (!row || row.keys < STEP) return
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
