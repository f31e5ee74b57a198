import type { z } from 'zod'
import { ApiError } from './api-error.ts'

/** A place in a list as an opaque text for clients: JSON in base64url. */
export function encodeCursor(place: unknown): string {
  const bytes = new TextEncoder().encode(JSON.stringify(place))
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '')
}

/** The place that a cursor stands for, null without one. Throws ApiError 400 for any other text. */
export function decodeCursor<Schema extends z.ZodType>(
  schema: Schema,
  cursor: string | undefined,
): z.output<Schema> | null {
  if (cursor === undefined) return null
  try {
    const binary = atob(cursor.replaceAll('-', '+').replaceAll('_', '/'))
    const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0))
    return schema.parse(JSON.parse(new TextDecoder().decode(bytes)))
  } catch {
    throw new ApiError('invalid_request', 'cursor: not one that this list gave', 'cursor')
  }
}
