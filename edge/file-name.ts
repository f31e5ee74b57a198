import { ApiError } from './api-error.ts'

const MAX_CHARACTERS = 255

/** What parts folders, or becomes that where somebody makes characters plainer than they are. */
const SEPARATORS = /[/\\\u2044\u2215\u2216\u29f5\u29f8\u29f9\ufe68\uff0f\uff3c]/
/** What is not seen, or changes how its neighbours are: controls, directions, joiners, fillers. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu
/** Dots alone name a folder; at the end some systems drop them, and blanks. */
const DOTS_AT_END = /[\s.\u2024\u2025\u2026\ufe52\uff0e]+$/u

/**
 * What a person calls a file: without folders, and fit to be stored, shown and saved. `file` where nothing is
 * left. Throws ApiError 400 for more than 255 characters.
 */
export function fileNameOf(filename: string): string {
  const last = filename.replace(UNSEEN, '').split(SEPARATORS).at(-1) ?? ''
  const name = last.toWellFormed().replace(DOTS_AT_END, '').trim()
  if (name.length <= MAX_CHARACTERS) return name || 'file'
  throw new ApiError(
    'invalid_request',
    `files: the name of a file may have at most ${MAX_CHARACTERS} characters`,
    'files',
  )
}
