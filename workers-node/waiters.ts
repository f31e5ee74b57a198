import type { KnownNodes } from '../drizzle/statements/claim-tasks-if-pending.ts'
import type { PostgresDoor } from '../drizzle/statements/statement.ts'
import { takeWaitersIfRoom, type Waiter } from '../drizzle/statements/take-waiters-if-room.ts'
import { Alarm } from './alarm.ts'
import type { Room } from './room.ts'

/** How often a family without room is looked at: another worker may have made some. */
const LOOK_EVERY_MS = 5_000
/** The end of a rest is looked at just after it, in ms. */
const PAST_MS = 20
/** A place that was left while a claim found none is seen by a look that comes after the claim. */
const LOOK_SOON_MS = 200

/** One family, as far as its waiters are concerned. */
export type WaitingFamily = {
  room: Room
  /** How many calls this process could begin now. */
  free(): number
  /** Claims tasks, and runs those that it gets. */
  claim(waiters: Waiter[]): Promise<void>
}

type Options = {
  postgres: PostgresDoor
  nodes: () => KnownNodes
  /** How long a task may wait, in ms. */
  waitMs: number
  families: Map<string, WaitingFamily>
}

/**
 * Gives the tasks that wait for a node their turn, the oldest first: when a task has left its node,
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

  /** A task has found no room. */
  mustWait(): void {
    this.looking.bringForward(LOOK_SOON_MS)
  }

  async stop(): Promise<void> {
    await this.looking.stop()
  }

  private async look(): Promise<number> {
    const { postgres, nodes, waitMs, families } = this.options
    const looked = [...families].filter(
      ([family, { room }]) => this.asked.has(family) || room.left === 0,
    )
    this.asked.clear()
    if (looked.length === 0) return Number.POSITIVE_INFINITY
    const asked = looked.map(([family, { free }]) => ({ family, most: free() }))
    const rows = await postgres.run(takeWaitersIfRoom(asked, { nodes: nodes(), waitMs }))
    const claims = rows.map(({ family, room, waiters }) => {
      const found = families.get(family)!
      found.room.is(room - waiters.length)
      return waiters.length > 0 && found.claim(waiters)
    })
    await Promise.all(claims)
    const full = rows.filter(({ family }) => families.get(family)!.room.left === 0)
    if (full.length === 0) return Number.POSITIVE_INFINITY
    const rests = full.map(({ rest_ms }) => rest_ms ?? Number.POSITIVE_INFINITY)
    return Math.min(LOOK_EVERY_MS, ...rests.map((ms) => Math.max(ms, 0) + PAST_MS))
  }
}
