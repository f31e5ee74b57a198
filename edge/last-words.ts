import { placeOf } from '../drizzle/contract/place-of.ts'
import { log } from './log.ts'

/**
 * What a gateway says of the error that ends it. The runtimes would print it whole: its message and
 * its fields may hold a secret or a prompt.
 */
export function lastWords(error: unknown): void {
  const name = error instanceof Error ? error.name : typeof error
  log('error', 'gateway failed', { name, at: placeOf(error).join('\n') })
}
