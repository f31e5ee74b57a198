import { copyText } from '../copy-text.ts'
import { announce } from '../state/announcer.ts'
import { type CodeWords, furnish } from './furnish.ts'
import { keepSelection } from './keep-selection.ts'
import { type Block, blocksOf, render } from './markdown.ts'
import type { OnDemand } from './on-demand.ts'

const COPIED_MS = 2000

/** Markdown that is added to in place: what has not changed keeps its nodes, and a selection in them. */
export type GrowingMarkdown = {
  show(markdown: string): void
  /** Shows the same again, in the words of now. */
  refresh(): void
}

/** Shows Markdown in a box of its own. Libraries for what is in it come when they are wanted. */
export function createGrowingMarkdown(box: HTMLElement, words: () => CodeWords): GrowingMarkdown {
  let shown = ''
  let links = '{}'
  let blocks: (Block & { nodes: Node[] })[] = []
  const asked = new Set<OnDemand<unknown>>()

  const want = (library: OnDemand<unknown>) => {
    if (asked.has(library)) return
    asked.add(library)
    void library.load().then((isThere) => isThere && refresh())
  }
  const nodesOf = (block: Block, before: Node[] | undefined) => {
    const fragment = render(block)
    furnish(fragment, words(), want)
    return [...fragment.childNodes].map((node, i) => grown(before?.[i], node))
  }
  const replace = (next: () => typeof blocks) =>
    keepSelection(box, () => {
      blocks = next()
      setChildren(
        box,
        blocks.flatMap(({ nodes }) => nodes),
      )
    })
  const refresh = () =>
    replace(() => blocks.map((block) => ({ ...block, nodes: nodesOf(block, block.nodes) })))

  box.addEventListener('click', ({ target }) => {
    const button = target instanceof Element ? target.closest('.copy-code') : null
    if (button) void copyCode(button, words)
  })
  return {
    show(markdown) {
      if (markdown === shown) return
      const settled = settledBlocks(blocks, shown, markdown)
      const before = blocks
      shown = markdown
      const from = settled.length > 0 ? before[settled.length]!.start : 0
      const fresh = blocksOf(markdown, from)
      // A link may have got its address: that changes blocks whose text has not changed.
      const linksBefore = links
      links = JSON.stringify(fresh[0]?.links ?? {})
      const isSame = (old: Block | undefined, now: Block) =>
        old?.raw === now.raw && links === linksBefore
      replace(() => [
        ...settled,
        ...fresh.map((block, i) => {
          const old = before[settled.length + i]
          const nodes = isSame(old, block) ? old!.nodes : nodesOf(block, old?.nodes)
          return { ...block, nodes }
        }),
      ])
    },
    refresh,
  }
}

/** The last two blocks may go on: what stands before them does not change by what is added to the text. */
function settledBlocks<Known extends Block>(blocks: Known[], before: string, now: string): Known[] {
  // An address for a link may stand anywhere, and a carriage return is no character of a block.
  const isPlain = now.startsWith(before) && !/^ {0,3}\[|\r|\$\$|\\\[/m.test(now)
  return isPlain ? blocks.slice(0, -2) : []
}

async function copyCode(button: Element, words: () => CodeWords): Promise<void> {
  const code = button.closest('figure')?.querySelector('pre > code')
  if (!code) return
  // Without the last newline: a shell runs what is pasted with one.
  if (await copyText(code.textContent.replace(/\n$/, ''))) {
    button.textContent = words().copied
    announce(({ copied }) => copied)
    setTimeout(() => {
      button.textContent = words().copy
    }, COPIED_MS)
  } else {
    // The reader can copy what is selected.
    announce(({ copyFailed }) => copyFailed)
    getSelection()?.selectAllChildren(code)
  }
}

/** The old node where it can become the new one by adding to it, else the new one. */
function grown(old: Node | undefined, now: Node): Node {
  if (old?.isEqualNode(now)) return old
  if (old instanceof Text && now instanceof Text && now.data.startsWith(old.data)) {
    old.appendData(now.data.slice(old.data.length))
    return old
  }
  if (!(old instanceof Element && now instanceof Element) || !isSameTag(old, now)) return now
  const nodes = [...now.childNodes].map((child, i) => grown(old.childNodes[i], child))
  setChildren(old, nodes)
  return old
}

function isSameTag(one: Element, other: Element): boolean {
  return one.cloneNode().isEqualNode(other.cloneNode())
}

/** Leaves those in place that stand where they are to stand: to move a node would end a selection in it. */
function setChildren(parent: Element, nodes: Node[]): void {
  for (const [i, node] of nodes.entries()) {
    const there = parent.childNodes[i]
    if (there === node) continue
    if (there) parent.replaceChild(node, there)
    else parent.append(node)
  }
  while (parent.childNodes.length > nodes.length) parent.lastChild?.remove()
}
