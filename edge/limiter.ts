// Of 2.0: the scripts of 2.2 begin with a flag that no Redis but Upstash's own knows.
import { Ratelimit } from '@upstash/ratelimit'
import { ApiError } from './api-error.ts'
import { log } from './log.ts'
import type { EdgeSettings } from './settings.ts'
import { openCounter } from './upstash.ts'

/** A limiter that takes longer is done without, in ms. */
const TIMEOUT_MS = 1_000
/** After it failed, it is not asked for so long, in ms. */
const REST_MS = 5_000
const WINDOW_S = 60
const MAX_REMEMBERED = 10_000

/** Which setting says how often a minute each of these may come. */
const LIMITS = {
  owner: 'REQUESTS_PER_MINUTE',
  address: 'REQUESTS_PER_MINUTE_PER_ADDRESS',
  /** Addresses again: new visitors of theirs. */
  newcomer: 'NEW_VISITORS_PER_MINUTE',
} as const

/** Who is counted, by policy; a policy without its part counts nobody. */
export type Counted = { [Policy in keyof typeof LIMITS]?: string | undefined }

/** How a policy stands after this request. `resetAt`: when its window is over, in ms since 1970. */
export type Standing = {
  policy: string
  limit: number
  left: number
  resetAt: number
  over: boolean
}

type Policy = { policy: keyof typeof LIMITS; limit: number; id: string; key: string }

/**
 * Counts requests per minute in Redis, all policies of a request in one REST call. Where its Redis is
 * away, or slow, everything is let through.
 */
export class Limiter {
  private readonly settings: EdgeSettings
  private restsUntil = 0
  /** Who is over, for as long as they are: they cost no call. */
  private readonly over = new Map<string, Standing>()

  constructor(settings: EdgeSettings) {
    this.settings = settings
  }

  /** Whether it is known, without asking, that one of them is over. */
  isOver(counted: Counted): boolean {
    return this.policiesOf(counted).some(({ key }) => this.remembered(key))
  }

  /** Counts a request. Never rejects. */
  async count(counted: Counted): Promise<Standing[]> {
    const policies = this.policiesOf(counted)
    const known = policies.flatMap(({ key }) => this.remembered(key) ?? [])
    if (known.length > 0) return known
    if (policies.length === 0 || Date.now() < this.restsUntil) return []
    try {
      const standings = await this.ask(policies)
      if (this.over.size > MAX_REMEMBERED) this.over.clear()
      for (const [i, standing] of standings.entries()) {
        if (standing.over) this.over.set(policies[i]!.key, standing)
      }
      return standings
    } catch {
      // Its message may quote the command, and that names who asks.
      log('warn', 'requests are not counted', { code: 'limiter_away' })
      this.restsUntil = Date.now() + REST_MS
      return []
    }
  }

  private policiesOf(counted: Counted): Policy[] {
    return (Object.keys(LIMITS) as (keyof typeof LIMITS)[]).flatMap((policy) => {
      const id = counted[policy]
      const limit = this.settings[LIMITS[policy]]
      return id !== undefined && limit > 0 ? { policy, limit, id, key: `${policy} ${id}` } : []
    })
  }

  private remembered(key: string): Standing | undefined {
    const standing = this.over.get(key)
    if (standing && standing.resetAt > Date.now()) return standing
    this.over.delete(key)
    return undefined
  }

  private ask(policies: Policy[]): Promise<Standing[]> {
    const { UPSTASH_REDIS_REST_URL, UPSTASH_REDIS_REST_TOKEN } = this.settings
    // One for each request: on Workers a call of one request must not be awaited by another.
    const redis = openCounter(UPSTASH_REDIS_REST_URL, UPSTASH_REDIS_REST_TOKEN, TIMEOUT_MS)
    return Promise.all(
      policies.map(async ({ policy, limit, id }) => {
        const said = await new Ratelimit({
          redis,
          limiter: Ratelimit.fixedWindow(limit, `${WINDOW_S} s`),
          prefix: `limit:${policy}`,
          ephemeralCache: false,
          timeout: TIMEOUT_MS,
        }).limit(id)
        if (said.reason === 'timeout') throw new Error('timeout')
        const left = Math.max(said.remaining, 0)
        return { policy, limit, left, resetAt: said.reset, over: !said.success }
      }),
    )
  }
}

/** Throws ApiError 429 where a policy is over. */
export function demandWithin(standings: readonly Standing[]): void {
  const over = standings.filter((standing) => standing.over)
  if (over.length === 0) return
  const waitS = Math.max(...over.map(secondsLeft))
  throw new ApiError(
    'rate_limited',
    `These are more than ${over[0]!.limit} requests in a minute. Try again in ${waitS} s.`,
    null,
    waitS,
  )
}

/** The fields `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-10). */
export function limitHeaders(standings: readonly Standing[]): Record<string, string> {
  if (standings.length === 0) return {}
  const list = (of: (standing: Standing) => string) => standings.map(of).join(', ')
  return {
    'RateLimit-Policy': list(({ policy, limit }) => `"${policy}";q=${limit};w=${WINDOW_S}`),
    RateLimit: list((standing) => {
      return `"${standing.policy}";r=${standing.left};t=${secondsLeft(standing)}`
    }),
  }
}

function secondsLeft({ resetAt }: Standing): number {
  return Math.max(Math.ceil((resetAt - Date.now()) / 1000), 1)
}
