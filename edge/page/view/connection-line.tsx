import { useEffect } from 'preact/hooks'
import { trouble } from '../client/connection.ts'
import { announce } from '../state/announcer.ts'
import { now } from '../state/clock.ts'
import { words } from '../words/words.ts'

/** Says what keeps the page from being answered; it goes on trying meanwhile. */
export function ConnectionLine() {
  const { offline, serverDown, busy } = words.value
  const kept = trouble.value
  const isBusy = kept?.kind === 'busy'
  useEffect(() => {
    if (kept?.kind !== 'busy') return
    const seconds = Math.ceil((kept.until - Date.now()) / 1000)
    announce((words) => words.busy(Math.max(1, seconds)))
  }, [isBusy])
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
    // What counts down would be read aloud every second: it is announced once.
    <p class="connection" id="connection" role="status" aria-live={isBusy ? 'off' : 'polite'}>
      {text()}
    </p>
  )
}
