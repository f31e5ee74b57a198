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

type Options = {
  keys: readonly ApiKey[]
  /** What cookies are signed with; undefined where there are no visitors. */
  visitorSecret: string | undefined
  isHttps(c: Context): boolean
}

/** Knows who asks, by API key or by the signed cookie of a visitor. */
export class Identities {
  private readonly options: Options

  constructor(options: Options) {
    this.options = options
  }

  /**
   * Undefined for nobody. Who sends a key is nobody else, whatever cookie comes along; other schemes are
   * for a proxy in front of us.
   */
  async of(c: Context): Promise<Identity | undefined> {
    const authorization = c.req.header('authorization')
    if (authorization && /^bearer\b/i.test(authorization)) return this.ofKey(authorization)
    const visitor = await this.visitorOf(c)
    if (visitor === undefined) return undefined
    return { owner: `visitor:${visitor}`, operator: false, by: 'cookie' }
  }

  /** Gives a browser its cookie, or the same one for longer. Throws ApiError 403 where there are no visitors. */
  async welcome(c: Context): Promise<void> {
    const { visitorSecret, isHttps } = this.options
    if (visitorSecret === undefined) {
      throw new ApiError('forbidden', 'Visitors are not let in here: an API key is needed.')
    }
    const visitor = (await this.visitorOf(c)) ?? uuidv7()
    await setSignedCookie(c, COOKIE, visitor, visitorSecret, {
      httpOnly: true,
      sameSite: 'Strict',
      path: '/',
      maxAge: COOKIE_S,
      // With this prefix no other host, and nobody without TLS, can set it.
      ...(isHttps(c) && { prefix: 'host', secure: true }),
    })
  }

  private async ofKey(authorization: string): Promise<Identity | undefined> {
    const given = /^bearer +(\S+)$/i.exec(authorization)?.[1] ?? ''
    // All are compared, each in a time that tells nothing of where they differ.
    const fits = await Promise.all(this.options.keys.map(({ key }) => timingSafeEqual(key, given)))
    const found = this.options.keys[fits.indexOf(true)]
    return found && { owner: found.name, operator: found.operator, by: 'key' }
  }

  private async visitorOf(c: Context): Promise<string | undefined> {
    const { visitorSecret, isHttps } = this.options
    if (visitorSecret === undefined) return undefined
    const prefix = isHttps(c) ? 'host' : undefined
    const visitor = await getSignedCookie(c, visitorSecret, COOKIE, prefix)
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
