import type { FileRef } from '../../drizzle/contract/file-ref.ts'
import { type Accepts, inputKindOf, whyNotTaken } from '../../drizzle/contract/input-kind.ts'
import { ModelError } from '../model-error.ts'

/** A file of a prompt, and whether it is of an earlier turn: then the call can do without it. */
export type AskedFile = { file: FileRef; earlier: boolean }

/**
 * How a file reaches a model: word by word in the prompt, inside the request, uploaded ahead of it, or
 * not at all, so that the prompt only names it.
 */
export type Place = 'text' | 'inline' | 'upload' | 'named'

/** What a service carries: so many bytes of files in a request, more of them only by uploads. */
export type Carries = { inlineBytes: number; uploads: boolean }

/**
 * THE place where it is decided what becomes of each file, in the order given. Text goes into the prompt;
 * the rest into the request, or all of it is uploaded where it is too much for one. Without
 * uploads the oldest files of earlier turns are left out until the rest fits. Throws ModelError
 * `file_rejected` where a file of this very turn cannot be taken.
 */
export function placeFiles(files: AskedFile[], accepts: Accepts, carries: Carries): Place[] {
  const places = files.map((asked): Place => {
    if (whyNotTaken(accepts, asked.file) === undefined) {
      return inputKindOf(asked.file.type) === 'text' ? 'text' : 'inline'
    }
    return leftOut(asked)
  })
  const inlineBytes = () =>
    files.reduce((sum, { file }, i) => sum + (places[i] === 'inline' ? file.bytes : 0), 0)
  if (inlineBytes() <= carries.inlineBytes) return places
  if (carries.uploads) return places.map((place) => (place === 'inline' ? 'upload' : place))
  while (inlineBytes() > carries.inlineBytes) {
    const oldest = places.indexOf('inline')
    places[oldest] = leftOut(files[oldest]!)
  }
  return places
}

function leftOut({ earlier }: AskedFile): Place {
  if (!earlier) throw new ModelError({ code: 'file_rejected', node: 'unasked' })
  return 'named'
}
