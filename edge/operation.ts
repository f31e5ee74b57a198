import type { RouteConfig } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { z } from 'zod'
import type { ErrorCode } from '../drizzle/contract/http-api.ts'
import { ApiError } from './api-error.ts'
import type { Standing } from './limiter.ts'
import type { Services } from './services.ts'
import type { Watches } from './watches.ts'

export type AppEnv = {
  Variables: Services & {
    requestId: string
    owner: string
    watches: Watches
    counting?: Promise<Standing[]>
  }
}

/**
 * Who may use an operation: `public` all; `owner` who has an identity, for what is theirs; `operator` the
 * keys that say so; `signed` who has the signed address; `node` who has the token of the nodes.
 */
export type Access = 'public' | 'owner' | 'operator' | 'signed' | 'node'

/** One operation of the API: what the OpenAPI document says of it, and what it does. */
export type Operation = {
  access: Access
  route: Pick<RouteConfig, 'method' | 'path' | 'summary' | 'description' | 'request' | 'tags'> & {
    answers: RouteConfig['responses']
    errors: ErrorCode[]
  }
  handle(c: Context<AppEnv>): Promise<Response> | Response
}

/** The `content` of a JSON answer in the document. */
export function json(schema: z.ZodType) {
  return { 'application/json': { schema } }
}

/** Checks input by its schema. Throws ApiError 400 that names the first wrong field. */
export function check<Schema extends z.ZodType>(schema: Schema, input: unknown): z.output<Schema> {
  const parsed = schema.safeParse(input)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]!
  const param = issue.path.length > 0 ? issue.path.join('.') : null
  const missing = issue.code === 'invalid_type' && param !== null && !has(input, issue.path[0])
  throw new ApiError(
    'invalid_request',
    missing ? `${param} is missing` : [param, issue.message].filter(Boolean).join(': '),
    param,
  )
}

function has(input: unknown, key: PropertyKey | undefined): boolean {
  return typeof input === 'object' && input !== null && key !== undefined && key in input
}

/** An id from the path. Throws 404 where it is no UUID: such a thing cannot exist. */
export function idFromPath(c: Context<AppEnv>, name: string, what: string): string {
  const id = c.req.param(name) ?? ''
  if (!z.uuid().safeParse(id).success) throw notFound(what)
  return id.toLowerCase()
}

export function notFound(what: string): ApiError {
  return new ApiError('not_found', `There is no such ${what}.`)
}
