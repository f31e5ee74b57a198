import { signal } from '@preact/signals'

/** On a narrow screen the list of conversations is a drawer. */
export const drawerIsOpen = signal(false)

export function closeDrawer(): void {
  drawerIsOpen.value = false
}
