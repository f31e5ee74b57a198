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

/** Who is counted; a policy counts nobody where its part is missing. */
export type Counted = { owner?: string; address?: string }

/** How a policy stands after this request. `resetS`: seconds until its window is over. */
export type Standing = {
  policy: string
  limit: number
  left: number
  resetS: number
  over: boolean
}

/**
 * Counts requests per minute, by owner and by address, in Redis: both in one REST call. Where its
 * Redis is away, or slow, everything is let through.
 */
export class Limiter {
  private readonly settings: EdgeSettings
  private restsUntil = 0
  /** Who is over, until when: they cost no call. */
  private readonly over = new Map<string, number>()

  constructor(settings: EdgeSettings) {
    this.settings = settings
  }

  /** Counts a request. Never rejects. */
  async count({ owner, address }: Counted): Promise<Standing[]> {
    const { REQUESTS_PER_MINUTE, REQUESTS_PER_MINUTE_PER_ADDRESS } = this.settings
    const { UPSTASH_REDIS_REST_URL, UPSTASH_REDIS_REST_TOKEN } = this.settings
    const policies = [
      { policy: 'owner', limit: REQUESTS_PER_MINUTE, id: owner },
      { policy: 'address', limit: REQUESTS_PER_MINUTE_PER_ADDRESS, id: address },
    ].filter(({ limit, id }) => limit > 0 && id !== undefined)
    if (policies.length === 0 || Date.now() < this.restsUntil) return []
    // One for each request: on Workers a call of one request must not be awaited by another.
    if (this.over.size > MAX_REMEMBERED) this.over.clear()
    const redis = openCounter(UPSTASH_REDIS_REST_URL, UPSTASH_REDIS_REST_TOKEN, TIMEOUT_MS)
    try {
      return await Promise.all(
        policies.map(async ({ policy, limit, id }) => {
          const said = await new Ratelimit({
            redis,
            limiter: Ratelimit.fixedWindow(limit, `${WINDOW_S} s`),
            prefix: `limit:${policy}`,
            ephemeralCache: this.over,
            timeout: TIMEOUT_MS,
          }).limit(id!)
          if (said.reason === 'timeout') throw new Error('timeout')
          return {
            policy,
            limit,
            left: Math.max(said.remaining, 0),
            resetS: Math.max(Math.ceil((said.reset - Date.now()) / 1000), 1),
            over: !said.success,
          }
        }),
      )
    } catch {
      // Its message may quote the command, and that names who asks.
      log('warn', 'requests are not counted', { code: 'limiter_away' })
      this.restsUntil = Date.now() + REST_MS
      return []
    }
  }
}

/** Throws ApiError 429 where a policy is over. */
export function demandWithin(standings: readonly Standing[]): void {
  const over = standings.filter((standing) => standing.over)
  if (over.length === 0) return
  const resetS = Math.max(...over.map((standing) => standing.resetS))
  const { limit } = over[0]!
  throw new ApiError(
    'rate_limited',
    `These are more than ${limit} requests in a minute. Try again in ${resetS} s.`,
    null,
    resetS,
  )
}

/** The fields `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-10). */
export function limitHeaders(standings: readonly Standing[]): Record<string, string> {
  if (standings.length === 0) return {}
  const list = (of: (standing: Standing) => string) => standings.map(of).join(', ')
  return {
    'RateLimit-Policy': list(({ policy, limit }) => `"${policy}";q=${limit};w=${WINDOW_S}`),
    RateLimit: list(({ policy, left, resetS }) => `"${policy}";r=${left};t=${resetS}`),
  }
}
