import { codeOf, log } from './log.ts'
import type { Lookout } from './lookout.ts'
import type { Nodes } from './nodes.ts'
import type { NativeRedis } from './redis.ts'
import type { SessionLock } from './session-lock.ts'

/** How long the session lock is held behind the last task, in ms. */
const LOCK_KEPT_MS = 60_000

type Options = {
  redis: NativeRedis
  lock: SessionLock | undefined
  lookout: Lookout
  nodes: Nodes
  leaseMs: number
}

/**
 * What a worker does before it claims its first task after a time without any: it takes its session
 * lock, says that its nodes are there, and wakes the others. An idle worker has found no open task at its last sweep; whatever was
 * claimed since was preceded by such a wake, so that it misses no death. As a wake may be lost, or
 * come before the sweep that finds nothing, it is repeated once a lease.
 */
export class Rousing {
  private readonly options: Options
  private roused: Promise<void> | undefined
  private repeating: NodeJS.Timeout | undefined
  private lettingGo: NodeJS.Timeout | undefined

  constructor(options: Options) {
    this.options = options
  }

  /** To be awaited before every claim; resolves at once while there are tasks. */
  rouse(): Promise<void> {
    this.roused ??= this.first()
    return this.roused
  }

  /** To be called when nothing runs and nothing is being claimed any more. */
  rest(): void {
    this.roused = undefined
    this.options.nodes.rest()
    clearInterval(this.repeating)
    clearTimeout(this.lettingGo)
    this.lettingGo = setTimeout(() => this.options.lock?.letGo(), LOCK_KEPT_MS).unref()
  }

  private async first(): Promise<void> {
    const { lock, lookout, nodes, leaseMs } = this.options
    clearTimeout(this.lettingGo)
    this.repeating = setInterval(() => void this.wakeOthers(), leaseMs).unref()
    lookout.wake()
    await Promise.all([this.wakeOthers(), lock?.hold(), nodes.rouse()])
  }

  private async wakeOthers(): Promise<void> {
    await this.options.redis
      .wake()
      .catch((error: unknown) => log.warn({ code: codeOf(error) }, 'others not woken'))
  }
}
