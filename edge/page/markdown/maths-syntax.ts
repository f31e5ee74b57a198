import type { MarkedExtension, TokenizerAndRendererExtension, Tokens } from 'marked'
import { escaped } from './escaped.ts'

// Pandoc's rules for dollars: no blank within them at either end and no digit after them, so that
// prices stay prices. What begins with a number and goes on with words is a price as well. No pattern
// reads past the next sign of its kind: each is linear in the text.
const DOLLARS = /^\$(?![\s$]|\d[^\\^_={}$\n]*\s[a-z]{2})((?:\\[^\n]|[^\\$\n`])+?)(?<!\s)\$(?!\d)/i
const TWO_DOLLARS = /^\$\$((?:\\[\s\S]|[^\\$`]|\$(?!\$))+?)\$\$/
const ROUND = /^\\\(((?:\\[^()]|[^\\])+?)\\\)/
// `\[1\]` within a line is a bracket that is escaped.
const SQUARE = /^\\\[(?=\s)((?:\\[^[\]]|[^\\])+?)(?<=\s)\\\]/
const INLINE = /\$(?![\s$])(?:\\[^\n]|[^\\$\n`])+?(?<!\s)\$(?!\d)|\\\((?:\\[^()]|[^\\])+?\\\)/g

const BLOCK =
  /^ {0,3}(?:\$\$((?:\\[\s\S]|[^\\$`]|\$(?!\$))+?)\$\$|\\\[((?:\\[^[\]]|[^\\])+?)\\\])[ \t]*(?:\n|$)/
const BLANK_LINE = /\n[ \t]*\n/
/** Where the paragraph ends, or a line may begin such a block. */
const NEXT = /\n(?:[ \t]*(\n)| {0,3}(?:\$\$|\\\[))/g

const renderer = ({ text, display }: Tokens.Generic) => {
  const kind = display ? 'display' : 'inline'
  return `<code data-maths="${kind}">${escaped(text)}</code>`
}

const inline: TokenizerAndRendererExtension = {
  name: 'maths',
  level: 'inline',
  // Text ends at a backslash by itself.
  start: (src) => src.indexOf('$'),
  tokenizer(src) {
    // They may yet be closed: what follows is no formula in a line meanwhile.
    if (src.startsWith('$$') && !TWO_DOLLARS.test(src))
      return { type: 'text', raw: '$$', text: '$$' }
    const shown = TWO_DOLLARS.exec(src) ?? SQUARE.exec(src)
    const found = shown ?? DOLLARS.exec(src) ?? ROUND.exec(src)
    if (!found?.[1]?.trim()) return undefined
    return { type: 'maths', raw: found[0], text: found[1].trim(), display: shown !== null }
  },
  renderer,
}

const block: TokenizerAndRendererExtension = {
  name: 'mathsBlock',
  level: 'block',
  // Only where there is one: each place where the text is cut for nothing would cost a copy of it.
  start(src) {
    for (const { index, 1: blankLine } of src.matchAll(NEXT)) {
      if (blankLine) return undefined
      if (blockAt(src.slice(index + 1))) return index
    }
    return undefined
  },
  tokenizer: (src) => blockAt(src),
  renderer,
}

function blockAt(src: string): Tokens.Generic | undefined {
  const found = BLOCK.exec(src)
  const text = (found?.[1] ?? found?.[2])?.trim()
  if (!found || !text || BLANK_LINE.test(text)) return undefined
  return { type: 'mathsBlock', raw: found[0], text, display: true }
}

/**
 * Maths in Markdown: `$…$` and `\(…\)` in a line, `$$…$$` and `\[…\]` displayed. It becomes
 * `code` with its source, and `data-maths`, which says whether it is displayed.
 */
export const mathsSyntax: MarkedExtension = {
  extensions: [block, inline],
  // A `*` of a formula begins or ends no emphasis.
  hooks: { emStrongMask: (src) => src.replace(INLINE, (maths) => 'a'.repeat(maths.length)) },
}
