import DOMPurify, { type Config } from 'dompurify'
import type { KatexOptions } from 'katex'
import { plainLetters } from './maths-letters.ts'
import { onDemand } from './on-demand.ts'

const LONGEST_SOURCE = 5000
const MOST_KEPT = 1000

type Katex = typeof import('katex')['default']

const OPTIONS: KatexOptions = {
  output: 'mathml',
  trust: false,
  strict: 'ignore',
  throwOnError: true,
  maxSize: 20,
  maxExpand: 500,
}

/** No links, classes, styles, and no colours: those of the page can be read in light and dark. */
const ALLOWED: Config = {
  ALLOWED_TAGS: [
    ...['math', 'semantics', 'mrow', 'mi', 'mn', 'mo', 'ms', 'mtext', 'mspace', 'mstyle'],
    ...['mfrac', 'msqrt', 'mroot', 'msub', 'msup', 'msubsup', 'munder', 'mover', 'munderover'],
    ...['mmultiscripts', 'mprescripts', 'mtable', 'mtr', 'mtd', 'mlabeledtr'],
    ...['menclose', 'mpadded', 'mphantom', 'span', '#text'],
  ],
  ALLOWED_ATTR: [
    ...['display', 'displaystyle', 'scriptlevel', 'mathvariant', 'fence', 'separator', 'stretchy'],
    ...['symmetric', 'largeop', 'movablelimits', 'minsize', 'maxsize', 'accent', 'accentunder'],
    ...['width', 'height', 'depth', 'lspace', 'rspace', 'voffset', 'linethickness', 'linebreak'],
    ...['columnalign', 'columnspacing', 'columnlines', 'rowspacing', 'rowlines', 'notation'],
  ],
  ALLOW_DATA_ATTR: false,
  ALLOW_ARIA_ATTR: false,
  // What is not allowed goes with all it has, such as the source in `annotation`.
  KEEP_CONTENT: false,
  RETURN_DOM_FRAGMENT: true,
}

const purify = DOMPurify(window)

export const mathsLibrary = onDemand(async () => (await import('katex')).default)

/** What was made last, by its source: an answer that grows shows its formulas again and again. */
const made = new Map<string, Element | null>()

/** TeX as MathML; `null` where it cannot be read, or is too long to be tried. */
export function mathsOf(source: string, display: boolean): Node | null {
  const katex = mathsLibrary.loaded
  if (!katex || source.length > LONGEST_SOURCE) return null
  const key = `${display} ${source}`
  let math = made.get(key)
  if (math === undefined) {
    if (made.size >= MOST_KEPT) made.clear()
    math = mathmlOf(source, { ...OPTIONS, displayMode: display }, katex)
    made.set(key, math)
  }
  return math?.cloneNode(true) ?? null
}

function mathmlOf(source: string, options: KatexOptions, katex: Katex): Element | null {
  try {
    const html = withoutNumbering(katex.renderToString(source, options))
    const clean = purify.sanitize(html, ALLOWED) as unknown as DocumentFragment
    const math = clean.querySelector('math')
    if (math) plainLetters(math)
    return math
  } catch {
    return null
  }
}

/** Cells in which KaTeX's own styles would put the numbers of equations; here they would move the others. */
function withoutNumbering(html: string): string {
  return html.replace(/<mtd class ?="(?:mtr-glue|mml-eqn-num)"><\/mtd>/g, '')
}
