import { blocksOf, render } from './markdown.ts'

/** What stands between the parts of an element; between those of any other, an empty line. */
const BETWEEN: Record<string, string> = {
  ...{ UL: '\n', OL: '\n', LI: '\n', TABLE: '\n', THEAD: '\n', TBODY: '\n', TR: '\t' },
}
const INLINE = new Set(['A', 'BR', 'CODE', 'DEL', 'EM', 'STRONG'])

/** An answer as its reader sees it, without the signs of Markdown. Maths stays TeX. */
export function plainTextOf(markdown: string): string {
  return blocksOf(markdown)
    .map((block) => textOf(render(block)))
    .join('\n\n')
}

function textOf(parent: Node): string {
  const parts: string[] = []
  let line = ''
  const endLine = () => {
    if (line.trim()) parts.push(line.trim())
    line = ''
  }
  for (const child of parent.childNodes) {
    if (child instanceof Text) line += child.data.replaceAll('\n', ' ')
    else if (INLINE.has(child.nodeName)) line += inlineTextOf(child)
    else {
      endLine()
      parts.push(blockTextOf(child as HTMLElement))
    }
  }
  endLine()
  return parts.join(BETWEEN[parent.nodeName] ?? '\n\n')
}

function inlineTextOf(node: Node): string {
  if (node.nodeName === 'BR') return '\n'
  if (node instanceof Text || node.nodeName === 'CODE') return node.textContent ?? ''
  return [...node.childNodes].map(inlineTextOf).join('')
}

function blockTextOf(element: HTMLElement): string {
  if (element.nodeName === 'PRE') return element.textContent.replace(/\n$/, '')
  if (element.nodeName !== 'LI') return textOf(element)
  return mark(element) + textOf(element).replaceAll('\n', '\n  ')
}

function mark(item: HTMLElement): string {
  const list = item.parentElement
  if (!(list instanceof HTMLOListElement)) return '• '
  return `${list.start + [...list.children].indexOf(item)}. `
}
