/** What one look at a thing tells. `body`: null where its tag was known. */
export type Seen<Body> = { tag: string; ended: boolean; body: Body | null }

/** Tags that are known; `*`: any. */
export type Tags = readonly string[] | '*'

/**
 * One request that waits for a change of what it knows; where it named nothing (null), of what it sees
 * first.
 */
export class Waiter<Body> {
  readonly answer: Promise<Seen<Body> | undefined>
  answered = false
  readonly #named: Tags | null
  readonly #settle: (answer: Promise<Seen<Body> | undefined>) => void
  #first: Seen<Body> | undefined
  #expired = false

  constructor(named: Tags | null) {
    this.#named = named
    const { promise, resolve } = Promise.withResolvers<Seen<Body> | undefined>()
    this.answer = promise
    this.#settle = resolve
  }

  /** Whether nothing has been seen for it yet. */
  get isNew(): boolean {
    return this.#first === undefined
  }

  /** What need not be told to it again. */
  get known(): Tags {
    return this.#first ? [this.#first.tag] : (this.#named ?? [])
  }

  /** Takes what a look saw that began after it came; undefined: there is no such thing. */
  take(seen: Seen<Body> | undefined): void {
    const isKnown = seen && (this.known === '*' || this.known.includes(seen.tag))
    const told = isKnown ? { ...seen, body: null } : seen
    const waits =
      seen && !seen.ended && !this.#expired && (isKnown || (this.isNew && this.#named === null))
    this.#first ??= told
    if (!waits) this.#end(Promise.resolve(told))
  }

  /** Ends it with what it has seen, as soon as that is something. */
  expire(): void {
    this.#expired = true
    if (this.#first) this.#end(Promise.resolve(this.#first))
  }

  fail(error: unknown): void {
    this.#end(Promise.reject(error))
  }

  #end(answer: Promise<Seen<Body> | undefined>): void {
    this.answered = true
    this.#settle(answer)
  }
}

/** The tags that every one of them knows: what has one of these need not be told at all. */
export function knownToAll(waiters: readonly { known: Tags }[]): Tags {
  return waiters.reduce<Tags>((common, { known }) => {
    if (common === '*' || known === '*') return common === '*' ? known : common
    return common.filter((tag) => known.includes(tag))
  }, '*')
}
