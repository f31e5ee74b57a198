import { setTimeout as pause } from 'node:timers/promises'
import { ping } from '../drizzle/statements/ping.ts'
import { takeSessionLock } from '../drizzle/statements/take-session-lock.ts'
import { Backoff } from './backoff.ts'
import { codeOf, log } from './log.ts'
import { openSession, type PostgresSession } from './postgres.ts'
import { within } from './within.ts'

const TIMEOUT_MS = 2_000
const AGAIN_AFTER_MS = { first: 20, most: 2_000 }
/** How often the session is asked whether it is still there, in ms. */
const PING_EVERY_MS = 2_000

/**
 * This process's key as a session lock, by which its peers see within a second that it has died. It
 * is wanted only while there are calls, so that a database that sleeps when nobody is connected may
 * sleep. Where it cannot be had, tasks are claimed all the same, and live by their lease.
 */
export class SessionLock {
  private readonly url: string
  private readonly key: bigint
  private wanted = false
  private keeping = false
  private session: PostgresSession | undefined
  /** Whether the last attempt to take it failed: then nobody waits for the next. */
  private failing = false
  private outcome = Promise.withResolvers<void>()
  /** Whether the lock is held at this moment. */
  held = false

  /** `url` must lead to the database itself: behind a pooler a session is nobody's. */
  constructor(url: string, key: bigint) {
    this.url = url
    this.key = key
  }

  /**
   * Wants the lock from now on; resolves once it is held or could not be had, or after 2 s. Where the
   * last attempt failed it resolves at once.
   */
  async hold(): Promise<void> {
    this.wanted = true
    if (!this.keeping) {
      this.keeping = true
      void this.keep().finally(() => {
        this.keeping = false
      })
    }
    if (!this.held && !this.failing) await within(TIMEOUT_MS, this.outcome.promise)
  }

  /** Gives the lock up. */
  letGo(): void {
    this.wanted = false
    this.held = false
    this.session?.close()
  }

  private async keep(): Promise<void> {
    for (const backoff = new Backoff(AGAIN_AFTER_MS); this.wanted; ) {
      try {
        await this.keepOnce(() => backoff.reset())
      } catch (error) {
        log.warn({ code: codeOf(error) }, 'session lock not held')
      }
      if (!this.wanted) return
      this.ended({ failing: true })
      await backoff.pause()
    }
  }

  /** Notes how an attempt ended, and tells those who wait for it. */
  private ended({ failing }: { failing: boolean }): void {
    this.failing = failing
    this.outcome.resolve()
    this.outcome = Promise.withResolvers()
  }

  /** Resolves when the session with the lock has ended. */
  private async keepOnce(onHeld: () => void): Promise<void> {
    const session = await openSession(this.url, { timeoutMs: TIMEOUT_MS })
    this.session = session
    const ended = new AbortController()
    void session.ended.then(() => ended.abort())
    try {
      const [row] = await session.run(takeSessionLock(this.key))
      if (!row?.taken) return
      this.held = true
      onHeld()
      this.ended({ failing: false })
      while (this.wanted && !ended.signal.aborted) {
        await pause(PING_EVERY_MS, undefined, { signal: ended.signal }).catch(() => {})
        if (this.wanted && !ended.signal.aborted) await session.run(ping())
      }
    } finally {
      this.held = false
      this.session = undefined
      session.close()
    }
  }
}
