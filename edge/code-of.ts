import { DatabaseError } from './neon.ts'
import { ObjectStoreError } from './object-store.ts'
import { RedisError } from './upstash.ts'

/** What a log may say of an error: the code that one of our doors gave it, else `internal`. */
export function codeOf(error: unknown): string {
  const known =
    error instanceof DatabaseError ||
    error instanceof RedisError ||
    error instanceof ObjectStoreError
  return known ? error.code : 'internal'
}
