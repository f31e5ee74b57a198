import { knownToAll, type Seen, type Tags, Waiter } from './waiter.ts'

/** Looks at a thing once; undefined where there is none. */
export type Look<Body> = (known: Tags) => Promise<Seen<Body> | undefined>

/**
 * `named`: the tags that the caller has named as known; null for none, so that it waits for a change of
 * what is there when it comes.
 */
type Caller = { named: Tags | null; waitMs: number; signal: AbortSignal }

/** What is waited for, and whose it is. */
type Thing = { owner: string; name: string }

/**
 * How long after one look the next one comes, at first and at most. What was just submitted or has
 * just changed soon changes again: claims and first words take a fraction of a second. Later it is text
 * that grows, which is saved once a second.
 */
const FIRST_PAUSE_MS = 250
const LONGEST_PAUSE_MS = 1000
/** Where looks are shared by nobody, from so many ms of pauses on, at most. */
const ALONE_FROM_MS = 3000
const LONGEST_PAUSE_ALONE_MS = 2000
/** For so many things one owner may wait at once, by however many requests. */
const MOST_THINGS = 20

/**
 * The requests that wait for a change, and the looks that are taken for them. All that wait for the
 * same thing share its looks, so that a hundred cost what one costs. Where a runtime lets no request
 * use the input and output of another one (workerd), each must have a `Watches` of its own, `alone`.
 */
export class Watches {
  readonly #open = new Map<string, Map<string, Watch<unknown>>>()
  readonly #alone: boolean
  #closed = false

  constructor({ alone = false } = {}) {
    this.#alone = alone
  }

  /** Whether its owner waits for it already, or for few enough other things. */
  hasRoom({ owner, name }: Thing): boolean {
    const own = this.#open.get(owner)
    return !own || own.has(name) || own.size < MOST_THINGS
  }

  /**
   * What there is once it has changed or ended, or the time is over, or the caller has gone; undefined
   * where there is no such thing. `look` may be used for others too. Rejects as it does.
   */
  wait<Body>(thing: Thing, look: Look<Body>, caller: Caller): Promise<Seen<Body> | undefined> {
    const known = this.#open.get(thing.owner)?.get(thing.name) as Watch<Body> | undefined
    const watch = known ?? this.#begin(thing, look)
    return watch.join({ ...caller, waitMs: this.#closed ? 0 : caller.waitMs })
  }

  /** Answers all that wait; whoever comes from now on does not wait. */
  close(): void {
    this.#closed = true
    for (const own of this.#open.values()) for (const watch of own.values()) watch.close()
  }

  #begin<Body>({ owner, name }: Thing, look: Look<Body>): Watch<Body> {
    const own = this.#open.get(owner) ?? new Map<string, Watch<unknown>>()
    const watch = new Watch(look, this.#alone, () => {
      own.delete(name)
      if (own.size === 0) this.#open.delete(owner)
    })
    own.set(name, watch as Watch<unknown>)
    this.#open.set(owner, own)
    return watch
  }
}

/** The looks at one thing, one after the other, as long as somebody waits. */
class Watch<Body> {
  readonly #look: Look<Body>
  readonly #alone: boolean
  readonly #onEnd: () => void
  #waiters: Waiter<Body>[] = []
  #running = false
  #endPause = () => {}

  constructor(look: Look<Body>, alone: boolean, onEnd: () => void) {
    this.#look = look
    this.#alone = alone
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
    let pausedMs = 0
    while (this.#somebodyWaits()) {
      await this.#lookFor([...this.#waiters])
      // Who came while a look was under way gets one of its own: that one may have seen less.
      if (!this.#somebodyWaits() || this.#waiters.some(({ isNew }) => isNew)) continue
      await this.#pause(pauseMs)
      pausedMs += pauseMs
      const isLate = this.#alone && pausedMs >= ALONE_FROM_MS
      pauseMs = Math.min(pauseMs * 2, isLate ? LONGEST_PAUSE_ALONE_MS : LONGEST_PAUSE_MS)
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
