/** Text that is added to in place, so that a selection in what stands there already survives. */
export type GrowingText = { node: Text; show(text: string): void }

export function createGrowingText(): GrowingText {
  const node = document.createTextNode('')
  return {
    node,
    show(text) {
      if (text === node.data) return
      if (text.startsWith(node.data)) node.appendData(text.slice(node.data.length))
      else node.data = text
    },
  }
}
