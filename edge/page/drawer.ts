type Parts = {
  button: HTMLButtonElement
  sidebar: HTMLElement
  backdrop: HTMLElement
  main: HTMLElement
}

/** On a narrow screen the sidebar is a drawer. Returns what closes it. */
export function createDrawer({ button, sidebar, backdrop, main }: Parts): () => void {
  const isOpen = () => document.body.classList.contains('drawer-open')
  const set = (open: boolean) => {
    document.body.classList.toggle('drawer-open', open)
    button.setAttribute('aria-expanded', String(open))
    main.inert = open
  }
  const close = () => {
    if (!isOpen()) return
    const held = sidebar.contains(document.activeElement)
    set(false)
    // The focus would be left on something invisible.
    if (held) button.focus()
  }

  button.addEventListener('click', () => {
    if (isOpen()) return close()
    set(true)
    sidebar.querySelector('button')?.focus()
  })
  backdrop.addEventListener('click', close)
  document.addEventListener('keydown', (event) => {
    if (event.key === 'Escape') close()
  })
  window.matchMedia('(min-width: 48rem)').addEventListener('change', close)
  return close
}
