import { signal } from '@preact/signals'

/** Changes every second, for what counts seconds; in ms since 1970. */
export const now = signal(Date.now())

export function startClock(): void {
  setInterval(() => {
    now.value = Date.now()
  }, 1000)
}
