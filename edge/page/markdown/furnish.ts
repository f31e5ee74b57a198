import { canHighlight, highlight, highlighter } from './highlight.ts'
import { mathsLibrary, mathsOf } from './maths.ts'
import type { OnDemand } from './on-demand.ts'

/** The words of a code block's head, in the reader's language; `code` stands where no language is named. */
export type CodeWords = { copy: string; copied: string; code: string }

/**
 * Gives the nodes of an answer what Markdown has no words for: heads of code blocks, colours, maths,
 * and boxes that scroll. It is made here, after the sanitizing, so that no answer can make one.
 * `want` hears of a library that is not there yet.
 */
export function furnish(
  answer: DocumentFragment,
  words: CodeWords,
  want: (library: OnDemand<unknown>) => void,
): void {
  for (const code of answer.querySelectorAll<HTMLElement>('pre > code')) {
    const language = code.dataset.language ?? ''
    frame(code, language || words.code, words.copy)
    if (!canHighlight(language)) continue
    if (!highlighter.loaded) want(highlighter)
    const highlighted = highlight(code.textContent, language)
    if (highlighted) code.replaceChildren(highlighted)
  }
  for (const source of answer.querySelectorAll<HTMLElement>('code[data-maths]')) {
    const display = source.dataset.maths === 'display'
    if (!mathsLibrary.loaded) want(mathsLibrary)
    const shown = mathsOf(source.textContent, display) ?? source.cloneNode(true)
    source.replaceWith(display ? scrolling('maths', shown, 'span') : shown)
  }
  for (const table of answer.querySelectorAll('table')) {
    const place = document.createComment('')
    table.replaceWith(place)
    place.replaceWith(scrolling('wide', table, 'div'))
  }
}

function frame(code: HTMLElement, title: string, copy: string): void {
  const pre = code.parentElement!
  pre.tabIndex = 0
  const figure = made('figure', 'code')
  const head = made('figcaption')
  const button = made('button', 'copy-code')
  button.type = 'button'
  button.textContent = copy
  const name = made('span')
  name.textContent = title
  head.append(name, button)
  pre.replaceWith(figure)
  figure.append(head, pre)
}

/** What scrolls must be within reach of the keyboard. */
function scrolling(className: string, content: Node, tag: 'div' | 'span'): HTMLElement {
  const box = made(tag, className)
  box.tabIndex = 0
  box.append(content)
  return box
}

function made<T extends keyof HTMLElementTagNameMap>(
  tag: T,
  className = '',
): HTMLElementTagNameMap[T] {
  const element = document.createElement(tag)
  if (className) element.className = className
  return element
}
