/** How near to the end, in px, counts as reading at the end. */
const NEAR = 64

/** Runs a change of what stands in `box`; a reader at its end stays at the end, no other is moved. */
export function followBottom(box: HTMLElement, change: () => void): void {
  const atBottom = box.scrollHeight - box.scrollTop - box.clientHeight < NEAR
  const selecting = document.getSelection()?.isCollapsed === false
  change()
  if (atBottom && !selecting) scrollToBottom(box)
}

export function scrollToBottom(box: HTMLElement): void {
  box.scrollTop = box.scrollHeight
}
