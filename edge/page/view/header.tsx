import { drawerIsOpen } from '../state/drawer.ts'
import { addressOf } from '../state/route.ts'
import { words } from '../words/words.ts'
import { Icon } from './icon.tsx'
import { Settings } from './settings.tsx'

export function Header() {
  const { conversations, api } = words.value
  return (
    <header class="top">
      <button
        type="button"
        class="icon menu"
        aria-controls="sidebar"
        aria-expanded={drawerIsOpen.value}
        aria-label={conversations}
        onClick={() => {
          drawerIsOpen.value = !drawerIsOpen.value
        }}
      >
        <Icon name="menu" />
      </button>
      <a class="brand" href={addressOf(null)}>
        <img src="/favicon.svg" alt="" width="24" height="24" />
        <h1>Async-Chat</h1>
      </a>
      <a class="quiet" href="/docs/">
        {api}
      </a>
      <Settings />
    </header>
  )
}
