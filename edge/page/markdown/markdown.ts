import DOMPurify, { type Config } from 'dompurify'
import { Marked, type Token, type TokensList } from 'marked'
import { escaped } from './escaped.ts'
import { mathsSyntax } from './maths-syntax.ts'

/** What an answer may be made of. No ids and classes: nothing of it can take the place of the page's own. */
const ALLOWED: Config = {
  ALLOWED_TAGS: [
    ...['p', 'br', 'hr', 'h4', 'h5', 'h6', 'strong', 'em', 'del', 'code', 'pre', 'blockquote', 'a'],
    ...['ul', 'ol', 'li', 'table', 'thead', 'tbody', 'tr', 'th', 'td'],
  ],
  ALLOWED_ATTR: ['href', 'title', 'start', 'align', 'target', 'rel', 'data-language', 'data-maths'],
  ALLOW_DATA_ATTR: false,
  ALLOW_ARIA_ATTR: false,
  ALLOWED_URI_REGEXP: /^(?:https?|mailto):/i,
  ADD_URI_SAFE_ATTR: ['start', 'align', 'target', 'rel', 'data-language', 'data-maths'],
  RETURN_DOM_FRAGMENT: true,
}

// Markup in an answer is shown as it stands. A picture would be fetched from wherever a model says: it
// becomes a link. The page itself has the headings down to the third.
const marked = new Marked(mathsSyntax, {
  gfm: true,
  breaks: true,
  renderer: {
    html: ({ text }) => escaped(text),
    code({ text, lang }) {
      const language = escaped(/^\S{1,40}/.exec(lang ?? '')?.[0] ?? '')
      return `<pre><code data-language="${language}">${escaped(text.replace(/\n$/, ''))}\n</code></pre>\n`
    },
    image: ({ href, text }) => `<a href="${escaped(href)}">${escaped(text || href)}</a>`,
    heading({ tokens, depth }) {
      const tag = `h${Math.min(depth + 3, 6)}`
      return `<${tag}>${this.parser.parseInline(tokens)}</${tag}>`
    },
    checkbox: ({ checked }) => (checked ? '☑ ' : '☐ '),
  },
})

const purify = DOMPurify(window)
purify.addHook('afterSanitizeAttributes', (node) => {
  if (node.nodeName !== 'A') return
  node.setAttribute('target', '_blank')
  node.setAttribute('rel', 'noopener noreferrer nofollow')
})

/** A top-level piece of Markdown, such as a paragraph or a list. */
export type Block = { raw: string; start: number; links: TokensList['links']; token: Token }

/** The blocks from where one begins on. */
export function blocksOf(markdown: string, from = 0): Block[] {
  const tokens = marked.lexer(markdown.slice(from))
  let start = from
  const blocks = tokens.map((token) => {
    const block = { raw: token.raw, start, links: tokens.links, token }
    start += token.raw.length
    return block
  })
  return blocks.filter(({ token: { type } }) => type !== 'space' && type !== 'def')
}

/** A block as nodes that nothing can run in. */
export function render({ token, links }: Block): DocumentFragment {
  const html = marked.parser(Object.assign([token], { links }))
  return purify.sanitize(html.trim(), ALLOWED) as unknown as DocumentFragment
}
