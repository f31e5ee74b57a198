import type { File } from '../../drizzle/contract/http-api.ts'
import { element } from './element.ts'
import { sizeOf } from './file-size.ts'

export type FileList = { root: HTMLElement; show(files: readonly File[]): void }

/** The files of a prompt or of an answer: pictures are shown, others are links. */
export function createFileList(what: string): FileList {
  const root = element('ul', { class: 'files', 'aria-label': what, hidden: true })
  let shown = ''
  return {
    root,
    show(files) {
      const now = files.map(({ file_id }) => file_id).join()
      // A picture that is there is left alone: its address changes now and then, it does not.
      if (now === shown) return
      shown = now
      root.replaceChildren(...files.map((file) => element('li', {}, linkTo(file))))
      root.hidden = files.length === 0
    },
  }
}

function linkTo({ name, type, bytes, url }: File): HTMLElement {
  const words = [
    element('span', { class: 'file-name' }, name),
    element('span', { class: 'file-size' }, sizeOf(bytes)),
  ]
  if (url === null) return element('span', { class: 'file' }, ...words)
  if (!type.startsWith('image/')) {
    return element('a', { class: 'file', href: url, download: name }, ...words)
  }
  const picture = element('img', { src: url, alt: name, loading: 'lazy' })
  return element('a', { class: 'picture', href: url, target: '_blank', title: name }, picture)
}
