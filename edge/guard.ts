import type { Context, MiddlewareHandler } from 'hono'
import type { PostgresDoor, Statement } from '../drizzle/statements/statement.ts'
import { networkOf } from './address-of.ts'
import { ApiError } from './api-error.ts'
import { demandOwnPage, type Identity } from './identity.ts'
import { demandWithin } from './limiter.ts'
import type { FileStore } from './open-file-store.ts'
import type { AppEnv, Operation } from './operation.ts'

type Guarded = Pick<Operation, 'access' | 'readsAtOnce'>

/**
 * Lets those to an operation who may use it, and sets `owner`. Requests are counted while the body is
 * read: nothing is asked of the database, and no object stored, before it is known that they are not
 * too many. A cheap read runs while it is counted.
 */
export function guard({ access, readsAtOnce }: Guarded): MiddlewareHandler<AppEnv> {
  if (access === 'signed' || access === 'node') return guardByItself
  return async (c, next) => {
    const identity = access === 'public' ? undefined : await c.var.identities.of(c)
    const admitted = count(c, identity)
    if (access !== 'public') {
      if (!identity) return admitted.then(refuseNobody)
      c.set('owner', demandFit(c, identity, access))
    }
    // Who waits for a change is no cheap read.
    if (!readsAtOnce || c.req.header('prefer') !== undefined || c.var.limiter.isOver(whoIn(c))) {
      c.set('postgres', postgresAfter(admitted, c.var.postgres))
      c.set('files', c.var.files && filesAfter(admitted, c.var.files))
    }
    await next()
    await admitted
  }
}

/**
 * Who has a signed address, or the token of the nodes, shows it to the operation itself. Only those are
 * counted that are refused: they are guessing.
 */
const guardByItself: MiddlewareHandler<AppEnv> = async (c, next) => {
  if (c.var.limiter.isOver(whoIn(c))) await count(c)
  await next()
  if (c.res.status === 401 || c.res.status === 403) await count(c)
}

/** Throws ApiError 401 for nobody: to them, no address below /v1 says whether it is there. */
export async function demandSomebody(c: Context<AppEnv>): Promise<void> {
  const identity = await c.var.identities.of(c)
  await count(c, identity)
  if (!identity) refuseNobody()
}

/** Counts the request; rejects with ApiError 429 where it is one too many. */
function count(c: Context<AppEnv>, identity?: Identity): Promise<void> {
  const counting = c.var.limiter.count(whoIn(c, identity))
  c.set('counting', counting)
  const admitted = counting.then(demandWithin)
  // It is awaited by whoever asks the database, which may be nobody.
  admitted.catch(() => {})
  return admitted
}

function whoIn(c: Context<AppEnv>, identity?: Identity) {
  const address = c.var.addressOf(c)
  return { owner: identity?.owner ?? c.var.owner, address: address && networkOf(address) }
}

function refuseNobody(): never {
  throw new ApiError(
    'unauthorized',
    'Send an API key: Authorization: Bearer … (the page gets a cookie by itself where visitors are let in).',
    'Authorization',
  )
}

/** The owner. Throws ApiError 403 where this one may not do this here. */
function demandFit(c: Context<AppEnv>, identity: Identity, access: Guarded['access']): string {
  if (access === 'operator' && !identity.operator) {
    throw new ApiError('forbidden', 'This needs the key of an operator.')
  }
  const changes = !['GET', 'HEAD', 'OPTIONS'].includes(c.req.method)
  if (identity.by === 'cookie' && changes) demandOwnPage(c)
  return identity.owner
}

function postgresAfter(admitted: Promise<void>, postgres: PostgresDoor): PostgresDoor {
  return {
    async run<Row>(statement: Statement<Row>) {
      await admitted
      return postgres.run(statement)
    },
  }
}

function filesAfter(admitted: Promise<void>, { objects, ...rest }: FileStore): FileStore {
  return {
    ...rest,
    objects: {
      get: (key) => objects.get(key),
      delete: (key) => objects.delete(key),
      async put(key, bytes) {
        await admitted
        return objects.put(key, bytes)
      },
    },
  }
}
