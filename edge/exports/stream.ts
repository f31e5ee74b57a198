import type { Context } from 'hono'
import type { StoredBatch } from '../../drizzle/statements/as-json.ts'
import { findHistory } from '../../drizzle/statements/find-history.ts'
import { log } from '../log.ts'
import { DatabaseError } from '../neon.ts'
import { type AppEnv, notFound } from '../operation.ts'

/** How many turns are read at once; fewer, where they are long. */
const STEP = 50

export type ExportHead = { conversationId: string; title: string }
export type Turns = AsyncIterable<StoredBatch>

/** What a conversation is written as. */
export type ExportFormat = {
  type: string
  extension: string
  /** The text, part by part. */
  parts(head: ExportHead, turns: Turns): AsyncGenerator<string>
}

/**
 * A conversation of the caller and its turns, oldest first, up to the one that is the last now; the first
 * of them have been read. Throws ApiError 404.
 */
export async function turnsFrom(
  c: Context<AppEnv>,
  conversationId: string,
): Promise<{ head: ExportHead; turns: Turns }> {
  const { postgres, owner } = c.var
  const pageAfter = (afterTurn: number) =>
    postgres.run(findHistory(owner, conversationId, { afterTurn, limit: STEP }))
  const first = await pageAfter(0)
  const row = first[0]
  if (!row) throw notFound('conversation')

  async function* turns(): AsyncGenerator<StoredBatch> {
    let after = 0
    for (let page = first; after < row!.turns; page = await pageAfter(after)) {
      const last = page.at(-1)
      // It was deleted meanwhile: what is there so far must not pass for all of it.
      if (!last?.turn) throw notFound('conversation')
      for (const { batch } of page.splice(0)) if (batch) yield batch
      after = last.turn
      if (after >= row!.turns) return
    }
  }
  return { head: { conversationId, title: row.title }, turns: turns() }
}

/** A text as the body of an answer, made no faster than it is sent. */
export function streamOf(c: Context<AppEnv>, parts: AsyncGenerator<string>): ReadableStream {
  const encoder = new TextEncoder()
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { value, done } = await parts.next()
          if (done) controller.close()
          else controller.enqueue(encoder.encode(value))
        } catch (error) {
          const code = error instanceof DatabaseError ? error.code : 'broken_off'
          log('error', 'export broke off', { code, request_id: c.var.requestId })
          controller.error(new Error('the export broke off'))
        }
      },
      async cancel() {
        await parts.return(undefined)
      },
    },
    { highWaterMark: 0 },
  )
}
