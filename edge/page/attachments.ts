import { MAX_FILES } from '../../drizzle/contract/file-ref.ts'
import { element } from './element.ts'
import { sizeOf } from './file-size.ts'

type Parts = {
  button: HTMLButtonElement
  input: HTMLInputElement
  list: HTMLElement
  /** Where a file may be dropped: all of the page. */
  page: HTMLElement
  prompt: HTMLTextAreaElement
  onProblem(message: string): void
}

export type Attachments = {
  files(): File[]
  /** Takes away what has been sent; what was attached since belongs to the next prompt. */
  drop(sent: readonly File[]): void
}

/** The files that go with the next prompt: chosen, dropped on the page, or pasted into the prompt. */
export function createAttachments(parts: Parts): Attachments {
  const { button, input, list, page, prompt } = parts
  const chips = new Map<File, HTMLLIElement>()

  const remove = (file: File) => {
    chips.get(file)?.remove()
    chips.delete(file)
    list.hidden = chips.size === 0
  }
  const add = (files: Iterable<File>) => {
    const all = [...files]
    parts.onProblem(
      chips.size + all.length > MAX_FILES ? `Attach at most ${MAX_FILES} files to a prompt.` : '',
    )
    for (const file of all.slice(0, MAX_FILES - chips.size)) {
      const chip = chipOf(file, () => {
        remove(file)
        // The focus would be left on something that is gone.
        button.focus()
      })
      chips.set(file, chip)
      list.append(chip)
    }
    list.hidden = chips.size === 0
  }

  button.addEventListener('click', () => input.click())
  input.addEventListener('change', () => {
    add(input.files ?? [])
    // Else the same file could not be chosen again after it was removed.
    input.value = ''
  })
  prompt.addEventListener('paste', (event) => {
    const files = event.clipboardData?.files
    if (!files?.length) return
    event.preventDefault()
    add(files)
  })
  takeDrops(page, add)

  return {
    files: () => [...chips.keys()],
    drop(sent) {
      for (const file of sent) remove(file)
    },
  }
}

function chipOf(file: File, onRemove: () => void): HTMLLIElement {
  const name = file.name || 'file'
  const cross = element('button', { type: 'button', 'aria-label': `Remove ${name}` }, '×')
  cross.addEventListener('click', onRemove)
  return element(
    'li',
    { class: 'attachment', title: name },
    element('span', { class: 'file-name' }, name),
    element('span', { class: 'file-size' }, sizeOf(file.size)),
    cross,
  )
}

/** Without this, the browser leaves the page for a file that is dropped on it. */
function takeDrops(page: HTMLElement, add: (files: Iterable<File>) => void): void {
  const mark = (over: boolean) => page.classList.toggle('drop', over)
  const bringsFiles = (event: DragEvent) => event.dataTransfer?.types.includes('Files')
  page.addEventListener('dragover', (event) => {
    if (!bringsFiles(event)) return
    event.preventDefault()
    mark(true)
  })
  page.addEventListener('dragleave', ({ relatedTarget }) => mark(relatedTarget !== null))
  page.addEventListener('drop', (event) => {
    if (!bringsFiles(event)) return
    event.preventDefault()
    mark(false)
    add(event.dataTransfer?.files ?? [])
  })
}
