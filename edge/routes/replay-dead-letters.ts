import type { Context } from 'hono'
import { z } from 'zod'
import {
  type ReplayedAll,
  replayAllQuery,
  replayedAll,
} from '../../drizzle/contract/operators-api.ts'
import { listDeadLetters } from '../../drizzle/statements/list-dead-letters.ts'
import { tellTime } from '../../drizzle/statements/tell-time.ts'
import { decodeCursor, encodeCursor } from '../cursor.ts'
import { type AppEnv, check, json, type Operation } from '../operation.ts'
import { replayLetters } from '../replay-letters.ts'

/** How many dead letters one statement takes on, and how often one request does so. */
const STEP = 200
const STEPS = 5

/** The end of year 9999, in ms: the database knows years beyond it by other names. */
const LAST_MS = 253_402_300_799_999

/** What was written later is left out: what fails again is not replayed a second time. */
const place = z.object({
  after: z.uuid().nullable(),
  writtenByMs: z.number().int().min(0).max(LAST_MS),
})

export const replayDeadLetters: Operation = {
  access: 'operator',
  route: {
    method: 'post',
    path: '/v1/dead-letters/replay',
    summary: 'Replay all dead letters that have not been',
    description:
      'From new to old, 1,000 a request. Repeat it with `next_cursor` until that is null.',
    tags: ['Operations'],
    request: { query: replayAllQuery },
    answers: { 200: { description: 'Replayed, as far as it came.', content: json(replayedAll) } },
    errors: ['invalid_request', 'unavailable'],
  },

  async handle(c) {
    const { kind = null, cursor } = check(replayAllQuery, c.req.query())
    const { postgres, redis } = c.var
    const [canRing, from] = await Promise.all([
      redis.answers(),
      decodeCursor(place, cursor) ?? begin(c),
    ])
    const writtenBy = new Date(from.writtenByMs).toISOString()
    const counts = { replayed: 0, refused: 0 }
    let after = from.after
    let more = true
    for (let step = 0; more && step < STEPS; step++) {
      const asked = { after, kind, writtenBy, unreplayed: true }
      const letters = await postgres.run(listDeadLetters(asked, STEP))
      more = letters.length === STEP
      if (letters.length === 0) break
      after = letters.at(-1)!.id
      const ids = letters.map(({ id }) => id)
      const { verdicts, rung } = await replayLetters(c, ids, canRing)
      for (const { ring, message } of verdicts) {
        counts[ring || (message && rung) ? 'replayed' : 'refused']++
      }
    }
    const answer: ReplayedAll = {
      ...counts,
      next_cursor: more ? encodeCursor({ ...from, after }) : null,
    }
    return c.json(answer)
  },
}

async function begin(c: Context<AppEnv>): Promise<z.output<typeof place>> {
  const [clock] = await c.var.postgres.run(tellTime())
  return { after: null, writtenByMs: clock!.ms }
}
