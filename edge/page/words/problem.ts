import { ApiError } from '../client/api-error.ts'
import type { Words } from './en.ts'
import type { Say } from './words.ts'

/**
 * What to tell the person. Anything that is not an answer of the API is a fault of this page.
 * `offline`: what to say without a network, where that is not only to try again.
 */
export function sayProblem(error: unknown, offline: Say = ({ problems }) => problems.offline): Say {
  if (!(error instanceof ApiError)) {
    console.error(error)
    return (words) => words.problems.unknown
  }
  return (words) => {
    const { problems } = words
    if (error.status === 0) return navigator.onLine ? problems.unreachable : offline(words)
    const message = sentenceOf(error, words)
    const seconds = Math.ceil((error.retryAfterMs ?? 0) / 1000)
    // The server's own sentence may say when to come back already.
    return seconds > 0 && !/\d s\b/.test(message) ? problems.waitFor(message, seconds) : message
  }
}

/** The server's sentence; in another language than English what its code means, and then the sentence where that tells more. */
function sentenceOf({ code, message, status }: ApiError, { problems }: Words): string {
  const known = problems.ofCode[code]
  if (known === undefined) return message || problems.status(status)
  return /[：:]$/.test(known) ? `${known}${message}` : known
}
