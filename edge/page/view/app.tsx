import { announcement } from '../state/announcer.ts'
import { focusPrompt } from '../state/draft.ts'
import { closeDrawer, drawerIsOpen } from '../state/drawer.ts'
import { words } from '../words/words.ts'
import { Composer } from './composer.tsx'
import { ConnectionLine } from './connection-line.tsx'
import { Header } from './header.tsx'
import { Shortcuts } from './shortcuts.tsx'
import { Sidebar } from './sidebar.tsx'
import { Thread } from './thread.tsx'
import { Undo } from './undo.tsx'

/** The whole page. */
export function App() {
  const { skip, close } = words.value
  return (
    <>
      <button type="button" class="skip" onClick={focusPrompt}>
        {skip}
      </button>
      <Header />
      {/* Near the list for the keyboard, too. */}
      <Undo />
      <Sidebar />
      {drawerIsOpen.value && (
        <button
          type="button"
          class="backdrop"
          tabIndex={-1}
          aria-label={close}
          onClick={closeDrawer}
        />
      )}
      <main id="main" inert={drawerIsOpen.value}>
        <Thread />
        <div class="dock">
          <ConnectionLine />
          <Composer />
        </div>
      </main>
      <Shortcuts />
      <p class="visually-hidden" id="announcer" role="status">
        <span key={announcement.value?.count}>{announcement.value?.say(words.value)}</span>
      </p>
    </>
  )
}
