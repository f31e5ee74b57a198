import type { FileRef } from '../../drizzle/contract/file-ref.ts'
import { type Accepts, inputKindOf, whyNotTaken } from '../../drizzle/contract/input-kind.ts'
import { ModelError } from '../model-error.ts'
import { firstKept } from './first-kept.ts'

/** A file of a prompt, and whether it is of an earlier turn: then the call can do without it. */
export type AskedFile = { file: FileRef; earlier: boolean }

/**
 * How a file reaches a model: word by word in the prompt, inside the request, uploaded ahead of it, or
 * not at all, so that the prompt only names it.
 */
export type Place = 'text' | 'inline' | 'upload' | 'named'

/** What a service carries: so many bytes of files in a request, more of them only by uploads. */
export type Carries = { inlineBytes: number; uploads: boolean }

/** How many bytes of files of earlier turns a call carries, however they reach the model. */
const EARLIER_BYTES = 50 * 1024 * 1024

/**
 * THE place where it is decided what becomes of each file, in the order given: earlier ones first. Text
 * goes into the prompt; the rest into the request, or all of it is uploaded where it is too much for
 * one. The oldest files of earlier turns are left out, in steps, where all of them are too much to
 * carry, or without uploads for a request. Throws ModelError `file_rejected` where a file of this very
 * turn cannot be taken.
 */
export function placeFiles(files: AskedFile[], accepts: Accepts, carries: Carries): Place[] {
  const own = files.filter(({ earlier }) => earlier).length
  const places = files.map((asked): Place => {
    if (whyNotTaken(accepts, asked.file) !== undefined) return leftOut(asked)
    return inputKindOf(asked.file.type) === 'text' ? 'text' : 'inline'
  })
  /** Leaves the oldest out, until those that count fit. */
  const leaveOut = (most: number, counts: (place: Place, i: number) => boolean) => {
    const bytes = files.map(({ file }, i) => (counts(places[i]!, i) ? file.bytes : 0))
    for (let i = firstKept(bytes, most, own) - 1; i >= 0; i--) {
      if (counts(places[i]!, i)) places[i] = leftOut(files[i]!)
    }
  }
  leaveOut(EARLIER_BYTES, (place, i) => i < own && place !== 'named')
  const inlineBytes = files.reduce(
    (sum, { file }, i) => sum + (places[i] === 'inline' ? file.bytes : 0),
    0,
  )
  if (carries.uploads && inlineBytes > carries.inlineBytes) {
    return places.map((place) => (place === 'inline' ? 'upload' : place))
  }
  leaveOut(carries.inlineBytes, (place) => place === 'inline')
  return places
}

function leftOut({ earlier }: AskedFile): Place {
  if (!earlier) throw new ModelError({ code: 'file_rejected', node: 'unasked' })
  return 'named'
}
