import { trouble } from '../client/connection.ts'
import { now } from '../state/clock.ts'
import { words } from '../words/words.ts'

/** Says what keeps the page from being answered; it goes on trying meanwhile. */
export function ConnectionLine() {
  const { offline, serverDown, busy } = words.value
  const kept = trouble.value
  const text = () => {
    switch (kept?.kind) {
      case undefined:
        return ''
      case 'offline':
        return offline
      case 'down':
        return serverDown
      case 'busy':
        return busy(Math.max(1, Math.ceil((kept.until - now.value) / 1000)))
    }
  }
  return (
    // What counts down would be read aloud every second.
    <p
      class="connection"
      id="connection"
      role="status"
      aria-live={kept?.kind === 'busy' ? 'off' : 'polite'}
    >
      {text()}
    </p>
  )
}
