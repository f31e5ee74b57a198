import type { FileRef } from '../../drizzle/contract/file-ref.ts'

/**
 * A text file as it stands in a prompt: between two lines that name it. They carry the beginning of its
 * SHA-256, which no text can foresee of itself, so that none can feign its own end.
 */
export function textOfFile({ name, sha256 }: FileRef, bytes: Uint8Array): string {
  const mark = sha256.slice(0, 12)
  const text = new TextDecoder().decode(bytes)
  return `<file ${mark} name=${quoted(name)}>\n${text}\n</file ${mark}>`
}

/** What stands for a file that the model is not given. */
export function mentionOfFile({ name, type }: FileRef): string {
  return `[A file that is not shown here: ${quoted(name)}, ${type}.]`
}

/** A name that can end neither its quotes nor its line. */
function quoted(name: string): string {
  return JSON.stringify(name).replaceAll(/[<>\u0085\u2028\u2029]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
}
