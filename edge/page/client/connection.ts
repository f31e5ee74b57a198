import { computed, signal } from '@preact/signals'
import type { ApiError } from './api-error.ts'

export type Trouble =
  | { kind: 'offline' | 'down' }
  /** `until`: in ms since 1970. */
  | { kind: 'busy'; until: number }

const troubled = signal<ReadonlyMap<object, ApiError>>(new Map())
const busyUntil = new WeakMap<ApiError, number>()
const online = signal(navigator.onLine)
for (const event of ['online', 'offline']) {
  window.addEventListener(event, () => {
    online.value = navigator.onLine
  })
}

/** What keeps requests from being answered that are being repeated; null while none is. */
export const trouble = computed((): Trouble | null => {
  if (!online.value) return { kind: 'offline' }
  const errors = [...troubled.value.values()]
  if (errors.length === 0) return null
  const ends = errors.flatMap((error) => busyUntil.get(error) ?? [])
  return ends.length === errors.length
    ? { kind: 'busy', until: Math.max(...ends) }
    : { kind: 'down' }
})

/** A request was not answered, and is repeated after `waitMs`. */
export function lost(request: object, error: ApiError, waitMs: number): void {
  if (error.status === 429) busyUntil.set(error, Date.now() + waitMs)
  troubled.value = new Map(troubled.value).set(request, error)
}

export function settled(request: object): void {
  if (!troubled.value.has(request)) return
  const others = new Map(troubled.value)
  others.delete(request)
  troubled.value = others
}
