import { contentDisposition } from './content-disposition.ts'

const MAX_CHARACTERS = 80

/** What no system takes in the name of a file, and what hides how a name ends. */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}<>:"/\\|?*]+/gu

/** The value of `Content-Disposition` for a download that is called by a title (RFC 6266). */
export function attachment(title: string, extension: string): string {
  const characters = Array.from(title.toWellFormed().replace(UNSAFE, ' ').replace(/\s+/g, ' '))
  const trimmed = characters
    .slice(0, MAX_CHARACTERS)
    .join('')
    .replace(/^[. ]+|[. ]+$/g, '')
  const name = `${trimmed || 'conversation'}.${extension}`
  return contentDisposition('attachment', name)
}
