import type { RefObject } from 'preact'
import { useLayoutEffect } from 'preact/hooks'

/**
 * Where what has the focus goes away by a change, such as a button that cancels what has just ended, the
 * focus stays near: it goes to `root`, which must be focusable.
 */
export function useKeptFocus(root: RefObject<HTMLElement | null>): void {
  // While rendering, the document is still as it was.
  const held = root.current?.contains(document.activeElement) ?? false
  useLayoutEffect(() => {
    if (held && !root.current?.contains(document.activeElement)) root.current?.focus()
  })
}
