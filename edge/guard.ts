import type { Context, MiddlewareHandler } from 'hono'
import type { PostgresDoor, Statement } from '../drizzle/statements/statement.ts'
import { networkOf } from './address-of.ts'
import { ApiError } from './api-error.ts'
import { demandOwnPage, type Identity } from './identity.ts'
import { demandWithin } from './limiter.ts'
import type { Access, AppEnv } from './operation.ts'

/**
 * Lets those to an operation who may use it, and sets `owner`. Requests are counted while the body is
 * read, or while the database is read: nothing is changed before it is known that they are not too many.
 */
export function guard(access: Access): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    // Their addresses and tokens are checked by the operations themselves.
    if (access === 'signed' || access === 'node') return next()
    const identity = access === 'public' ? undefined : await c.var.identities.of(c)
    const address = c.var.addressOf(c)
    const counting = c.var.limiter.count({
      owner: identity?.owner,
      address: address && networkOf(address),
    })
    const admitted = counting.then(demandWithin)
    // It is awaited by whoever asks the database, which may be nobody.
    admitted.catch(() => {})
    c.set('counting', counting)
    if (access !== 'public') {
      if (!identity) return admitted.then(refuseNobody)
      c.set('owner', demandFit(c, identity, access))
    }
    if (!readsAtOnce(c)) c.set('postgres', after(admitted, c.var.postgres))
    await next()
    await admitted
  }
}

function refuseNobody(): never {
  throw new ApiError(
    'unauthorized',
    'Send an API key: Authorization: Bearer … (the page gets a cookie by itself where visitors are let in).',
    'Authorization',
  )
}

/** The owner. Throws ApiError 403 where this one may not do this here. */
function demandFit(c: Context<AppEnv>, identity: Identity, access: Access): string {
  if (access === 'operator' && !identity.operator) {
    throw new ApiError('forbidden', 'This needs the key of an operator.')
  }
  if (identity.by === 'cookie' && !isSafe(c)) demandOwnPage(c)
  return identity.owner
}

/** Throws ApiError 401 for nobody: to them, no address below /v1 says whether it is there. */
export async function demandSomebody(c: Context<AppEnv>): Promise<void> {
  if (!(await c.var.identities.of(c))) refuseNobody()
}

function isSafe(c: Context): boolean {
  return ['GET', 'HEAD', 'OPTIONS'].includes(c.req.method)
}

/** A read changes nothing, and need not wait to be counted, unless it would go on for long. */
function readsAtOnce(c: Context): boolean {
  return isSafe(c) && c.req.header('prefer') === undefined
}

function after(admitted: Promise<void>, postgres: PostgresDoor): PostgresDoor {
  return {
    async run<Row>(statement: Statement<Row>) {
      await admitted
      return postgres.run(statement)
    },
  }
}
