import { language } from '../state/settings.ts'
import type { Words } from './en.ts'

/** A time for people, from seconds: `0.8 s`, `2 min 5 s`. */
export function duration(seconds: number, digits: number, say: Words): string {
  if (seconds < 60) return say.seconds(seconds.toFixed(digits))
  return say.minutes(Math.floor(seconds / 60), Math.floor(seconds % 60))
}

/** A whole number as the language writes it. */
export function count(value: number): string {
  return value.toLocaleString(language.value)
}
