import type { IncomingMessage, ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { Command, Redis } from 'ioredis'
import { z } from 'zod'
import { listen, sendJson } from './listen.ts'
import { readBody } from './read-body.ts'
import { sameSecret } from './same-secret.ts'

/** Upstash's own limit on a request. */
const BODY_LIMIT = 10 * 1024 * 1024

const command = z
  .array(z.union([z.string(), z.number(), z.boolean(), z.null()]))
  .min(1)
  .transform((parts) => parts.map(String))
const commands = z.array(command)

/** Commands that would block, or change, the one connection which all callers share. */
const NOT_OVER_REST = new Set(
  'AUTH BLMOVE BLMPOP BLPOP BRPOP BRPOPLPUSH BZMPOP BZPOPMAX BZPOPMIN CLIENT DISCARD EXEC HELLO MONITOR MULTI PSUBSCRIBE PUNSUBSCRIBE QUIT RESET SELECT SHUTDOWN SSUBSCRIBE SUBSCRIBE SUNSUBSCRIBE SYNC PSYNC UNSUBSCRIBE UNWATCH WAIT WAITAOF WATCH'.split(
    ' ',
  ),
)

type Answer = { result: unknown } | { error: string }

type Options = { redisUrl: string; token: string; host?: string; port?: number }

/**
 * Speaks Upstash's Redis REST API (`/`, `/pipeline`, `/multi-exec`) in front of any Redis, for
 * callers that bring the token. Commands that block have no place there, as with Upstash. While
 * Redis is away it answers 503 at once. Rejects when the port is taken.
 */
export async function startUpstashBridge(
  options: Options,
): Promise<{ url: string; close(): Promise<void> }> {
  const { redisUrl, token, host = '127.0.0.1', port = 0 } = options
  const redis = new Redis(redisUrl, {
    protocol: 2,
    lazyConnect: true,
    // A caller over HTTP is told at once that Redis is away; a command is never sent twice.
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    commandTimeout: 10_000,
    retryStrategy: (attempt) => Math.min(attempt * 50, 1000),
  })
  redis.on('error', () => {})
  // A Redis that is not there yet may come later.
  await Promise.race([redis.connect().catch(() => {}), sleep(5000, undefined, { ref: false })])

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url?.split('?')[0] ?? ''
    const send = (status: number, value: unknown) =>
      sendJson(response, status, encoded(request) ? encode(value) : plain(value))
    if (!sameSecret(request.headers.authorization ?? '', `Bearer ${token}`)) {
      return send(401, { error: 'Unauthorized' })
    }
    if (request.method !== 'POST' || !['/', '/pipeline', '/multi-exec'].includes(path)) {
      return send(404, { error: 'ERR not found' })
    }
    const text = await readBody(request, BODY_LIMIT)
    if (text === undefined) return send(413, { error: 'ERR max request size exceeded' })
    const given = parse(text, path === '/')
    if (!given) return send(400, { error: 'ERR failed to parse command' })
    try {
      if (path === '/multi-exec') {
        const answers = await transaction(redis, given)
        return send('error' in answers ? 400 : 200, answers)
      }
      const answers = await pipeline(redis, given)
      if (path === '/pipeline') return send(200, answers)
      return send('error' in answers[0]! ? 400 : 200, answers[0])
    } catch {
      // What the client says may quote the command.
      return send(503, { error: 'ERR Redis is not reachable' })
    }
  }
  const { url, close } = await listen(answer, host, port)
  return { url, close: () => close().then(() => redis.disconnect()) }
}

function parse(text: string, single: boolean): string[][] | undefined {
  try {
    const value = JSON.parse(text)
    const { data } = commands.safeParse(single ? [value] : value)
    return data?.length ? data : undefined
  } catch {
    return undefined
  }
}

function refusal([name, ...args]: string[]): { error: string } | undefined {
  const upper = name!.toUpperCase()
  const blocks = /^XREAD(GROUP)?$/.test(upper) && args.some((arg) => /^block$/i.test(arg))
  if (!blocks && !NOT_OVER_REST.has(upper)) return undefined
  return { error: `ERR Command is not available over REST: '${blocks ? `${upper} BLOCK` : upper}'` }
}

/** Sends the commands in one write. Throws when Redis did not answer to one of them. */
async function pipeline(redis: Redis, given: string[][]): Promise<Answer[]> {
  const refused = given.map(refusal)
  const results = await send(
    redis,
    given.filter((_, i) => !refused[i]),
  )
  return refused.map((refusal) => refusal ?? toAnswer(results.shift()))
}

async function transaction(redis: Redis, given: string[][]): Promise<Answer[] | { error: string }> {
  const refused = given.map(refusal).find(Boolean)
  if (refused) return refused
  // Written at once to the one connection, so that no other command gets in between.
  const results = await send(redis, [['MULTI'], ...given, ['EXEC']])
  const outcome = results.at(-1)
  return Array.isArray(outcome) ? outcome.map(toAnswer) : { error: errorText(outcome) }
}

/** One reply for each command, in order; what Redis refuses is a reply too. */
async function send(redis: Redis, given: string[][]): Promise<unknown[]> {
  if (given.length === 0) return []
  // It is there, and needed for raw commands, but the published types leave it out.
  const batch = redis.pipeline() as ReturnType<Redis['pipeline']> & {
    sendCommand(command: Command): void
  }
  for (const [name, ...args] of given) {
    // In upper case, as the client reshapes the replies of names it knows, in lower case. As bytes,
    // for a value need not be UTF-8.
    batch.sendCommand(new Command(name!.toUpperCase(), args, { replyEncoding: null }))
  }
  const replies = (await batch.exec()) ?? []
  return replies.map(([error, reply]) => {
    if (error && error.name !== 'ReplyError') throw error
    return error ?? reply
  })
}

function toAnswer(reply: unknown): Answer {
  return reply instanceof Error ? { error: reply.message } : { result: reply }
}

function errorText(reply: unknown): string {
  return reply instanceof Error ? reply.message : 'ERR the transaction was not executed'
}

function encoded(request: IncomingMessage): boolean {
  return request.headers['upstash-encoding'] === 'base64'
}

function plain(value: unknown): unknown {
  if (Buffer.isBuffer(value)) return value.toString('utf8')
  if (value instanceof Error) return value.message
  if (Array.isArray(value)) return value.map(plain)
  if (value && typeof value === 'object') {
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, plain(inner)]))
  }
  return value
}

/** Every text of a result in base64, at any depth; only an `OK` that is the whole result is not. */
function encode(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(encode)
  const { result, error } = value as { result?: unknown; error?: string }
  if (error !== undefined) return { error }
  if (Buffer.isBuffer(result) && result.toString() === 'OK') return { result: 'OK' }
  return { result: encodeResult(result) }
}

function encodeResult(value: unknown): unknown {
  if (Buffer.isBuffer(value)) return value.toString('base64')
  if (value instanceof Error) return Buffer.from(value.message).toString('base64')
  return Array.isArray(value) ? value.map(encodeResult) : value
}
