import { onDemand } from './on-demand.ts'

/** Put in by the build: the names and by-names of the languages the highlighter knows, with blanks between. */
declare const HIGHLIGHTED_LANGUAGES: string

const LANGUAGES = new Set(HIGHLIGHTED_LANGUAGES.split(' '))
const MOST_CHARACTERS = 50_000

export const highlighter = onDemand(async () => (await import('highlight.js/lib/common')).default)

export function canHighlight(language: string): boolean {
  return LANGUAGES.has(language.toLowerCase())
}

/**
 * Code with its words in `span`s, each with a class `hljs-…`; `null` where it cannot be done. What is
 * beyond 50,000 characters stays as it is.
 */
export function highlight(code: string, language: string): DocumentFragment | null {
  const hljs = highlighter.loaded
  if (!hljs) return null
  const end = code.length <= MOST_CHARACTERS ? code.length : endOfLine(code)
  try {
    const { value } = hljs.highlight(code.slice(0, end), { language, ignoreIllegals: true })
    const fragment = fragmentOf(value)
    fragment.append(code.slice(end))
    return fragment.textContent === code ? fragment : null
  } catch {
    return null
  }
}

/** The same place however long the code has become: what stands before it keeps its colours. */
function endOfLine(code: string): number {
  const newline = code.lastIndexOf('\n', MOST_CHARACTERS - 1)
  return newline < 0 ? MOST_CHARACTERS : newline + 1
}

const CHARACTERS: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', '#x27': "'" }

/** Reads the three things the highlighter writes; nothing but spans and text can come of it. */
function fragmentOf(html: string): DocumentFragment {
  const fragment = document.createDocumentFragment()
  const open: ParentNode[] = [fragment]
  for (const [, classes, text] of html.matchAll(/<span class="([^"]*)">|<\/span>|([^<]+)/g)) {
    const place = open[0]!
    if (text !== undefined) {
      place.append(text.replace(/&(amp|lt|gt|quot|#x27);/g, (_, name) => CHARACTERS[name]!))
    } else if (classes === undefined) {
      if (open.length > 1) open.shift()
    } else {
      const span = document.createElement('span')
      span.className = /^hljs-[a-z_-]+/.exec(classes)?.[0] ?? ''
      place.append(span)
      open.unshift(span)
    }
  }
  return fragment
}
