import { conversations, refreshList, search } from './conversations.ts'
import { catchUpThread, openId } from './thread.ts'

/** Ends the catching up of the time before. */
let catching = new AbortController()

/** What other tabs have sent is shown when this one is. What still runs is followed in any case. */
export function catchUpWhenShown(): void {
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible') void catchUp()
  })
}

async function catchUp(): Promise<void> {
  catching.abort()
  catching = new AbortController()
  const { signal } = catching
  await refreshList()
  const id = openId.value
  if (signal.aborted || id === null) return
  const listed = conversations.value.find((one) => one.conversation_id === id)
  // Where something has been sent to it, it is listed; but it may not be what is searched for.
  if (listed || search.value !== '') await catchUpThread(id, listed?.updated_at, signal)
}
