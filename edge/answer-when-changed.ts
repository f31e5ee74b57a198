import type { Context } from 'hono'
import { z } from 'zod'
import type { Known } from '../drizzle/statements/tags.ts'
import { headersNamed } from './documented-headers.ts'
import { urlsUntil } from './file-urls.ts'
import { knownTags } from './known-tags.ts'
import { demandWithin } from './limiter.ts'
import { type AppEnv, notFound } from './operation.ts'
import { preferredWait } from './preferred-wait.ts'
import type { Seen, Tags } from './waiter.ts'
import { wakeWorkers } from './wake-workers.ts'

/** The headers of a request that is answered so, for the OpenAPI document. */
export const versionHeaders = z.object({
  'If-None-Match': z.string().optional().meta({
    description: 'The `ETag` of an earlier answer: while it still holds, the answer is 304.',
    example: 'W/"3.2.0.1769860800123"',
  }),
  Prefer: z.string().optional().meta({
    description:
      '`wait=N` (RFC 7240), in seconds, 30 at most: the answer comes as soon as something has changed against `If-None-Match`, or, without it, since the request came; at once where it has ended; at the latest when the time is over.',
    example: 'wait=25',
  }),
})

/** The headers of its answer. */
export const answeredHeaders = headersNamed('ETag', 'Preference-Applied')

/** The answer that stands for no change, for the OpenAPI document. */
export const notModified = {
  304: { description: 'Nothing has changed.', headers: answeredHeaders },
}

/** A thing with versions: what it is called, its id, and how it is found and answered. */
type Versioned<Stored> = {
  what: 'batch' | 'task'
  id: string
  find(known: Known): Promise<(Seen<Stored> & { overdue: boolean }) | undefined>
  asAnswered(stored: Stored): Promise<object>
}

/**
 * Answers with a thing, or with 304 where the caller has it already; later, where the caller prefers to
 * wait for a change and there is room. The tag is a weak one: `poll_after_ms` moves on without it. Throws
 * ApiError 404.
 */
export async function answerWhenChanged<Stored>(
  c: Context<AppEnv>,
  { what, id, find, asAnswered }: Versioned<Stored>,
): Promise<Response> {
  const named = knownTags(c.req.header('If-None-Match'))
  const waitS = preferredWait(c.req.header('Prefer'))
  const look = async (tags: Tags) => {
    const found = await find({ tags, urlsUntil: c.var.files ? urlsUntil() : 0 })
    if (found?.overdue) wakeWorkers(c)
    return found
  }
  // Before it shares looks with others: what refuses this request must reach it, and none of them.
  if (waitS !== undefined) demandWithin((await c.var.counting) ?? [])
  const thing = { owner: c.var.owner, name: `${what} ${id}` }
  const waits = waitS !== undefined && c.var.watches.hasRoom(thing)
  const seen = await (waits
    ? c.var.watches.wait(thing, look, {
        named,
        waitMs: waitS * 1000,
        signal: c.req.raw.signal,
      })
    : look(named ?? []))
  if (!seen) throw notFound(what)
  c.header('ETag', `W/"${seen.tag}"`)
  if (waits) c.header('Preference-Applied', `wait=${waitS}`)
  return seen.body === null ? c.body(null, 304) : c.json(await asAnswered(seen.body))
}
