/** An end of a selection: in code, the count of the characters before it. */
type End = { node: Node; offset: number; code: Element | null; characters: number }

/**
 * Makes a change in a box; what is selected in its code stays selected, even where other nodes carry
 * the same characters afterwards, as they do when code gets its colours.
 */
export function keepSelection(box: Element, change: () => void): void {
  const selection = getSelection()
  const { anchorNode, focusNode } = selection ?? {}
  if (!selection || !anchorNode || !focusNode || !selection.containsNode(box, true)) {
    change()
    return
  }
  const anchor = endAt(box, anchorNode, selection.anchorOffset)
  const focus = endAt(box, focusNode, selection.focusOffset)
  change()
  if (anchor.node.isConnected && focus.node.isConnected) return
  const [from, to] = [placeOf(anchor), placeOf(focus)]
  if (from && to) selection.setBaseAndExtent(...from, ...to)
}

function endAt(box: Element, node: Node, offset: number): End {
  const element = node instanceof Element ? node : node.parentElement
  const code = box.contains(node) ? (element?.closest('pre > code') ?? null) : null
  if (!code) return { node, offset, code, characters: 0 }
  const before = document.createRange()
  before.setStart(code, 0)
  before.setEnd(node, offset)
  return { node, offset, code, characters: before.toString().length }
}

function placeOf({ node, offset, code, characters }: End): [Node, number] | null {
  if (node.isConnected) return [node, offset]
  if (!code?.isConnected) return null
  const texts = document.createTreeWalker(code, NodeFilter.SHOW_TEXT)
  let left = characters
  while (texts.nextNode()) {
    const { length } = texts.currentNode as Text
    if (left <= length) return [texts.currentNode, left]
    left -= length
  }
  return [code, code.childNodes.length]
}
