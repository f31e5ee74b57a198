import { signal } from '@preact/signals'

const wide = window.matchMedia('(min-width: 48rem)')

/** On a narrow screen the list of conversations is a drawer. */
export const drawerIsOpen = signal(false)

// Where there is room for the list, there is no drawer. The event comes a frame late: a drawer may be open when it tells of too little room.
wide.addEventListener('change', ({ matches }) => {
  if (matches) closeDrawer()
})

export function closeDrawer(): void {
  drawerIsOpen.value = false
}

/** Whether the list stands beside the thread. */
export function isWide(): boolean {
  return wide.matches
}
