import type { Context } from 'hono'
import type { z } from 'zod'
import { ApiError } from './api-error.ts'
import { mediaTypeOf } from './media-type.ts'
import { type AppEnv, check } from './operation.ts'
import { textOf } from './request-body.ts'

/** The body as a JSON object. Throws ApiError 400 or 413. */
async function readJsonObject(c: Context<AppEnv>): Promise<Record<string, unknown>> {
  const text = await textOf(c, c.var.settings.MAX_BODY_BYTES)
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch {
    throw new ApiError('invalid_request', 'The body is not valid JSON.')
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new ApiError('invalid_request', 'The body must be a JSON object.')
  }
  return body as Record<string, unknown>
}

/** The same, without what is null in it. */
export async function readJson(c: Context<AppEnv>): Promise<Record<string, unknown>> {
  const body = await readJsonObject(c)
  return Object.fromEntries(Object.entries(body).filter(([, value]) => value !== null))
}

/** A body that is sent as JSON, checked by its schema. Throws ApiError 400, 413 or 415. */
export async function readCheckedJson<Schema extends z.ZodType>(
  c: Context<AppEnv>,
  schema: Schema,
): Promise<z.output<Schema>> {
  if (mediaTypeOf(c) !== 'application/json') {
    throw new ApiError('unsupported_media_type', 'Send the request as application/json.')
  }
  return check(schema, await readJsonObject(c))
}
