import type { Context } from 'hono'
import { getSignedCookie, setSignedCookie } from 'hono/cookie'
import { timingSafeEqual } from 'hono/utils/buffer'
import { v7 as uuidv7 } from 'uuid'
import { z } from 'zod'
import { ApiError } from './api-error.ts'
import type { ApiKey } from './api-keys.ts'

/** Who asks. `owner` is what their rows carry; the name of a key holds no colon, a visitor's does. */
export type Identity = { owner: string; operator: boolean; by: 'key' | 'cookie' }

const COOKIE = 'visitor'
/** The longest that browsers keep one. */
const COOKIE_S = 400 * 24 * 3600

/** Knows who asks, by API key or by the signed cookie of a visitor. */
export class Identities {
  private readonly keys: readonly ApiKey[]
  /** What cookies are signed with; undefined where there are no visitors. */
  private readonly visitorSecret: string | undefined

  constructor(keys: readonly ApiKey[], visitorSecret: string | undefined) {
    this.keys = keys
    this.visitorSecret = visitorSecret
  }

  /** Undefined for nobody. Who sends a key is nobody else, whatever cookie comes along. */
  async of(c: Context): Promise<Identity | undefined> {
    const authorization = c.req.header('authorization')
    if (authorization !== undefined) return this.ofKey(authorization)
    const visitor = await this.visitorOf(c)
    if (visitor === undefined) return undefined
    return { owner: `visitor:${visitor}`, operator: false, by: 'cookie' }
  }

  /** Gives a browser its cookie, or the same one for longer. Throws ApiError 403 where there are no visitors. */
  async welcome(c: Context, { secure }: { secure: boolean }): Promise<void> {
    if (this.visitorSecret === undefined) {
      throw new ApiError('forbidden', 'Visitors are not let in here: an API key is needed.')
    }
    const visitor = (await this.visitorOf(c)) ?? uuidv7()
    await setSignedCookie(c, COOKIE, visitor, this.visitorSecret, {
      httpOnly: true,
      sameSite: 'Strict',
      secure,
      path: '/',
      maxAge: COOKIE_S,
    })
  }

  private async ofKey(authorization: string): Promise<Identity | undefined> {
    const given = /^bearer +(\S+)$/i.exec(authorization)?.[1] ?? ''
    // All are compared, each in a time that tells nothing of where they differ.
    const fits = await Promise.all(this.keys.map(({ key }) => timingSafeEqual(key, given)))
    const found = this.keys[fits.indexOf(true)]
    return found && { owner: found.name, operator: found.operator, by: 'key' }
  }

  private async visitorOf(c: Context): Promise<string | undefined> {
    if (this.visitorSecret === undefined) return undefined
    const visitor = await getSignedCookie(c, this.visitorSecret, COOKIE)
    return z.uuid().safeParse(visitor).data
  }
}

/**
 * Cookies come along with what other sites make a browser send: a request that changes something must
 * say that it comes from our own page. Throws ApiError 403.
 */
export function demandOwnPage(c: Context): void {
  const site = c.req.header('sec-fetch-site')
  const from = URL.parse(c.req.header('origin') ?? '')?.host
  if (site ? site === 'same-origin' : from === new URL(c.req.url).host) return
  throw new ApiError(
    'forbidden',
    'With a cookie, changes are taken from the page of this server only. Programs send an API key.',
  )
}
