import { refreshList } from './conversations.ts'
import { catchUpThread } from './thread.ts'

/** What other tabs have done is shown when this one is. What still runs is followed in any case. */
export function catchUpWhenShown(): void {
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState !== 'visible') return
    void refreshList()
    void catchUpThread()
  })
}
