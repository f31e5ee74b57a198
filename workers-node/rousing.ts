import { codeOf, log } from './log.ts'
import type { Lookout } from './lookout.ts'
import type { NativeRedis } from './redis.ts'
import type { SessionLock } from './session-lock.ts'

/** How long the session lock is held behind the last call, in ms. */
const LOCK_KEPT_MS = 60_000

type Options = { redis: NativeRedis; lock: SessionLock | undefined; lookout: Lookout }

/**
 * What a worker does before it claims its first task after a time without any: it takes its session
 * lock and wakes the others. An idle worker has found no open task at its last sweep; whatever was
 * claimed since was preceded by such a wake, so that it misses no death.
 */
export class Rousing {
  private readonly options: Options
  private roused: Promise<void> | undefined
  private timer: NodeJS.Timeout | undefined

  constructor(options: Options) {
    this.options = options
  }

  /** To be awaited before every claim; resolves at once while there are calls. */
  rouse(): Promise<void> {
    this.roused ??= this.first()
    return this.roused
  }

  /** To be called when the last call has ended. */
  rest(): void {
    this.roused = undefined
    clearTimeout(this.timer)
    this.timer = setTimeout(() => this.options.lock?.letGo(), LOCK_KEPT_MS).unref()
  }

  private async first(): Promise<void> {
    const { redis, lock, lookout } = this.options
    clearTimeout(this.timer)
    lookout.wake()
    const waking = redis
      .wake()
      .catch((error: unknown) => log.warn({ code: codeOf(error) }, 'others not woken'))
    await Promise.all([waking, lock?.hold()])
  }
}
