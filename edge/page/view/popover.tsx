import type { ComponentChildren } from 'preact'
import { useRef } from 'preact/hooks'

/** In px, from the button and from the edges of the screen. */
const GAP = 6

type Props = {
  id: string
  label: string
  class?: string
  children: ComponentChildren
}

/**
 * What the button with `popovertarget={id}` opens beside itself. The browser closes it by Esc and by a click
 * elsewhere, and gives the focus back.
 */
export function Popover({ id, label, class: kind = '', children }: Props) {
  const panel = useRef<HTMLDivElement>(null)
  const place = ({ newState }: { newState: string }) => {
    const button = document.querySelector(`[popovertarget="${id}"]`)
    if (newState === 'open' && panel.current && button) placeBeside(panel.current, button)
  }
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset has no popover's look, and this is no form of its own.
    <div
      ref={panel}
      id={id}
      class={`popover ${kind}`}
      popover="auto"
      role="group"
      aria-label={label}
      onBeforeToggle={place}
    >
      {children}
    </div>
  )
}

/** Closes it; the focus goes back to its button. */
export function closePopover(id: string): void {
  document.getElementById(id)?.hidePopover()
}

/** Where there is more room: above or below the button, to its left or right. */
function placeBeside(panel: HTMLElement, button: Element): void {
  const { top, bottom, left, right } = button.getBoundingClientRect()
  const { clientWidth: width, clientHeight: height } = document.documentElement
  const above = top > height - bottom
  const toLeft = left > width / 2
  Object.assign(panel.style, {
    top: above ? 'auto' : `${bottom + GAP}px`,
    bottom: above ? `${height - top + GAP}px` : 'auto',
    left: toLeft ? 'auto' : `${Math.max(GAP, left)}px`,
    right: toLeft ? `${Math.max(GAP, width - right)}px` : 'auto',
    maxHeight: `${(above ? top : height - bottom) - 2 * GAP}px`,
    maxWidth: `${(toLeft ? right : width - Math.max(GAP, left)) - GAP}px`,
  })
}
