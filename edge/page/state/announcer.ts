import { signal } from '@preact/signals'
import type { Say } from '../words/words.ts'

/** What a screen reader is to say, once. */
export const announcement = signal<Say | null>(null)

export function announce(say: Say): void {
  announcement.value = say
}
