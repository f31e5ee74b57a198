import { blocksOf, render } from './markdown.ts'

/** Markdown that is added to in place: what has not changed keeps its nodes, and a selection in them. */
export type GrowingMarkdown = { readonly isEmpty: boolean; show(markdown: string): void }

/** Shows Markdown in a box of its own. */
export function createGrowingMarkdown(box: HTMLElement): GrowingMarkdown {
  let shown = ''
  let blocks: { raw: string; nodes: Node[] }[] = []
  return {
    get isEmpty() {
      return shown === ''
    },
    show(markdown) {
      if (markdown === shown) return
      shown = markdown
      const before = blocks
      blocks = blocksOf(markdown).map((block, i) => {
        const old = before[i]
        if (old?.raw === block.raw) return old
        const nodes = [...render(block).childNodes]
        return { raw: block.raw, nodes: nodes.map((node, k) => grown(old?.nodes[k], node)) }
      })
      setChildren(
        box,
        blocks.flatMap(({ nodes }) => nodes),
      )
    },
  }
}

/** The old node where it can become the new one by adding to it, else the new one. */
function grown(old: Node | undefined, now: Node): Node {
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
