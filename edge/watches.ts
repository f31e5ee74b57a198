import { knownToAll, type Seen, type Tags, Waiter } from './waiter.ts'

/** Looks at a thing once; undefined where there is none. */
export type Look<Body> = (known: Tags) => Promise<Seen<Body> | undefined>

/**
 * `named`: the tags that the caller has named as known; null for none, so that it waits for a change of
 * what is there when it comes.
 */
type Caller = { named: Tags | null; waitMs: number; signal: AbortSignal }

/**
 * How long after one look the next one comes, at first and at most. What was just submitted or has
 * just changed soon changes again: claims and first words take a fraction of a second. Later it is text
 * that grows, which is saved once a second. A wait of 30 s takes 32 looks so: Cloudflare's least
 * plan allows one request to make 50 of its own.
 */
const FIRST_PAUSE_MS = 250
const LONGEST_PAUSE_MS = 1000

/**
 * The requests that wait for a change, and the looks that are taken for them. All that wait for the
 * same thing share its looks, so that a hundred cost what one costs. Where a runtime lets no request
 * use the input and output of another one (workerd), each must have a `Watches` of its own.
 */
export class Watches {
  readonly #open = new Map<string, Watch<unknown>>()
  #closed = false

  /**
   * What there is once it has changed or ended, or the time is over, or the caller has gone; undefined
   * where there is no such thing. `key` says what it is, and whose. Rejects as `look` does.
   */
  wait<Body>(key: string, look: Look<Body>, caller: Caller): Promise<Seen<Body> | undefined> {
    const known = this.#open.get(key) as Watch<Body> | undefined
    const watch = known ?? new Watch(look, () => this.#open.delete(key))
    this.#open.set(key, watch as Watch<unknown>)
    return watch.join({ ...caller, waitMs: this.#closed ? 0 : caller.waitMs })
  }

  /** Answers all that wait; whoever comes from now on does not wait. */
  close(): void {
    this.#closed = true
    for (const watch of this.#open.values()) watch.close()
  }
}

/** The looks at one thing, one after the other, as long as somebody waits. */
class Watch<Body> {
  readonly #look: Look<Body>
  readonly #onEnd: () => void
  #waiters: Waiter<Body>[] = []
  #running = false
  #endPause = () => {}

  constructor(look: Look<Body>, onEnd: () => void) {
    this.#look = look
    this.#onEnd = onEnd
  }

  async join({ named, waitMs, signal }: Caller): Promise<Seen<Body> | undefined> {
    const waiter = new Waiter<Body>(named)
    const expire = () => {
      waiter.expire()
      this.#endPause()
    }
    this.#waiters.push(waiter)
    this.#endPause()
    if (!this.#running) void this.#run()
    const timer = setTimeout(expire, waitMs)
    signal.addEventListener('abort', expire)
    if (signal.aborted) expire()
    try {
      return await waiter.answer
    } finally {
      clearTimeout(timer)
      signal.removeEventListener('abort', expire)
    }
  }

  close(): void {
    for (const waiter of this.#waiters) waiter.expire()
    this.#endPause()
  }

  async #run(): Promise<void> {
    this.#running = true
    let pauseMs = FIRST_PAUSE_MS
    while (this.#somebodyWaits()) {
      await this.#lookFor([...this.#waiters])
      // Who came while a look was under way gets one of its own: that one may have seen less.
      if (!this.#somebodyWaits() || this.#waiters.some(({ isNew }) => isNew)) continue
      await this.#pause(pauseMs)
      pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)
    }
    this.#onEnd()
  }

  async #lookFor(waiters: Waiter<Body>[]): Promise<void> {
    try {
      const seen = await this.#look(knownToAll(waiters))
      for (const waiter of waiters) waiter.take(seen)
    } catch (error) {
      for (const waiter of waiters) waiter.fail(error)
    }
  }

  #somebodyWaits(): boolean {
    this.#waiters = this.#waiters.filter(({ answered }) => !answered)
    return this.#waiters.length > 0
  }

  #pause(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, ms)
    this.#endPause = () => {
      clearTimeout(timer)
      resolve()
    }
    return promise
  }
}
