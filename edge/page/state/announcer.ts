import { signal } from '@preact/signals'
import type { Say } from '../words/words.ts'

/** What a screen reader is to say, once; `count` tells the same words, said again, apart. */
export const announcement = signal<{ say: Say; count: number } | null>(null)

let waiting: Say[] = []

/** Has it said. What comes in the same moment is said together: else only the last would be heard. */
export function announce(say: Say): void {
  waiting.push(say)
  if (waiting.length === 1) queueMicrotask(tell)
}

function tell(): void {
  const all = waiting
  waiting = []
  const count = (announcement.value?.count ?? 0) + 1
  announcement.value = { say: (words) => all.map((say) => say(words)).join('; '), count }
}
