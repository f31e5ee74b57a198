import type { Context } from 'hono'
import { v7 as uuidv7 } from 'uuid'
import type { Purged } from '../drizzle/contract/operators-api.ts'
import { type Purge, purgeDeadLetters } from '../drizzle/statements/purge-dead-letters.ts'
import { codeOf } from './code-of.ts'
import { log } from './log.ts'
import type { AppEnv } from './operation.ts'
import { runUncrossed } from './run-uncrossed.ts'

/** How many dead letters one statement takes on, and how often one request does so. */
const STEP = 1000
const STEPS = 10

/** Deletes dead letters, then the copies of all; the workers copy anew what is left. */
export async function purgeLetters(c: Context<AppEnv>, which: Purge): Promise<Purged> {
  let purged = 0
  let more = true
  for (let step = 0; more && step < STEPS; step++) {
    const by = { actor: c.var.owner, auditId: uuidv7() }
    const gone = await runUncrossed(c.var.postgres, purgeDeadLetters(which, STEP, by))
    purged += gone.length
    more = gone.length === STEP
  }
  const needless = which.ids !== null && purged === 0
  return { purged, more, copies_dropped: needless || (await copiesDropped(c)) }
}

async function copiesDropped({ var: { redis, requestId } }: Context<AppEnv>): Promise<boolean> {
  try {
    await redis.dropDeadLetterCopies()
    return true
  } catch (error) {
    const code = codeOf(error)
    log('warn', 'copies of dead letters not dropped', { code, request_id: requestId })
    return false
  }
}
