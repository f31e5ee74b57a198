import { draftProblem, focusPrompt } from './draft.ts'
import { closeDrawer } from './drawer.ts'
import { addressOf, conversationInAddress, replaceAddress, restoreAddress } from './route.ts'
import { openId, openThread } from './thread.ts'

/** Opens what the address names, now and whenever it changes. */
export function followAddress(): void {
  restoreAddress()
  openAddress()
  window.addEventListener('hashchange', openAddress)
}

export function newChat(): void {
  location.hash = addressOf(null)
  closeDrawer()
  focusPrompt()
}

function openAddress(): void {
  const id = conversationInAddress()
  const isOpen = id !== null && id === openId.value
  replaceAddress(id)
  closeDrawer()
  if (isOpen) return
  draftProblem.value = null
  void openThread(id)
}
