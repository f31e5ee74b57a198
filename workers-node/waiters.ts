import type { KnownNodes } from '../drizzle/statements/claim-tasks-if-pending.ts'
import type { PostgresDoor, Statement } from '../drizzle/statements/statement.ts'
import {
  type FamilyRoom,
  takeWaitersIfRoom,
  type Waiter,
} from '../drizzle/statements/take-waiters-if-room.ts'
import { Alarm } from './alarm.ts'
import type { Room } from './room.ts'
import type { Slots } from './slots.ts'

/** How often a family without room is looked at: another worker may have made some. */
const LOOK_EVERY_MS = 5_000
/** The end of a rest is looked at just after it, in ms. */
const PAST_MS = 20
/** A place that was left while a claim found none is seen by a look that comes after the claim. */
const LOOK_SOON_MS = 200

/** One family, as far as its waiters are concerned. */
export type WaitingFamily = {
  room: Room
  slots: Slots
  /** Claims tasks, for each of which a slot was taken, and runs those that it gets. */
  claim(waiters: Waiter[]): Promise<void>
}

type Options = {
  postgres: PostgresDoor
  nodes: () => KnownNodes
  /** How long a task may wait, in ms. */
  waitMs: number
  families: Map<string, WaitingFamily>
  /** Called now and then while tasks wait. */
  onWaiting(): void
  stopping: AbortSignal
}

/**
 * Gives the tasks that wait for a node their turn, in the order in which they were put off: when a task has left its node,
 * when a node may be called again, and now and then while there is no room.
 */
export class Waiters {
  private readonly options: Options
  private readonly asked = new Set<string>()
  private readonly looking: Alarm

  constructor(options: Options) {
    this.options = options
    this.looking = new Alarm('looking for room at the nodes', () => this.look())
  }

  /** There may be room for those that wait. */
  mayGo(family: string): void {
    this.asked.add(family)
    this.looking.bringForward()
  }

  /** A family has no room. */
  mustWait(): void {
    this.looking.bringForward(LOOK_SOON_MS)
  }

  async stop(): Promise<void> {
    await this.looking.stop()
  }

  private async look(): Promise<number> {
    const { nodes, waitMs, families, onWaiting } = this.options
    const looked = [...families].filter(
      ([family, { room }]) => this.asked.has(family) || room.left === 0,
    )
    this.asked.clear()
    if (looked.length === 0) return Number.POSITIVE_INFINITY
    const asked = looked.map(([family, { slots }]) => ({ family, most: this.reserve(slots) }))
    const statement = takeWaitersIfRoom(asked, { nodes: nodes(), waitMs })
    const rows = await this.run(statement, asked)
    const claims = rows.map(async ({ family, room, waits, waiters }, i) => {
      const found = families.get(family)!
      found.slots.release(asked[i]!.most - waiters.length)
      // Where nobody waits the next message may: then somebody does, and is looked after.
      found.room.is(Math.max(room - waiters.length, waits ? 0 : 1))
      if (waiters.length > 0) await found.claim(waiters)
    })
    await Promise.all(claims)
    const full = rows.filter(({ family }) => families.get(family)!.room.left === 0)
    if (full.length === 0) return Number.POSITIVE_INFINITY
    onWaiting()
    const rests = full.map(({ rest_ms }) => rest_ms ?? Number.POSITIVE_INFINITY)
    return Math.min(LOOK_EVERY_MS, ...rests.map((ms) => Math.max(ms, 0) + PAST_MS))
  }

  /** Takes all free slots, so that what is read meanwhile does not take them too. */
  private reserve(slots: Slots): number {
    const free = this.options.stopping.aborted ? 0 : Math.max(slots.free, 0)
    slots.take(free)
    return free
  }

  private async run(
    statement: Statement<FamilyRoom>,
    asked: { family: string; most: number }[],
  ): Promise<FamilyRoom[]> {
    try {
      return await this.options.postgres.run(statement)
    } catch (error) {
      for (const { family, most } of asked) this.options.families.get(family)!.slots.release(most)
      throw error
    }
  }
}
