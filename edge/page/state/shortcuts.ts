import { signal } from '@preact/signals'
import { focusPrompt } from './draft.ts'
import { closeDrawer, drawerIsOpen, isWide } from './drawer.ts'
import { isOfInputMethod } from './input-method.ts'
import { newChat } from './navigate.ts'
import { singleKeys } from './settings.ts'
import { cancelNewest } from './thread.ts'

/** What the list under `?` shows, in this order. */
export const SHORTCUTS = [
  { does: 'send', keys: [['Enter']] },
  { does: 'newLine', keys: [['Shift', 'Enter']] },
  { does: 'cancel', keys: [['Esc']] },
  { does: 'prompt', keys: [['/']] },
  {
    does: 'search',
    keys: [
      ['Ctrl', 'K'],
      ['⌘', 'K'],
    ],
  },
  {
    does: 'newChat',
    keys: [
      ['Ctrl', 'Shift', 'O'],
      ['⌘', 'Shift', 'O'],
    ],
  },
  { does: 'help', keys: [['?']] },
] as const

export const helpIsOpen = signal(false)
/** Counts the wishes to search. */
export const searchCount = signal(0)

export function listenForShortcuts(): void {
  document.addEventListener('keydown', (event) => {
    if (event.defaultPrevented || event.repeat || isOfInputMethod(event)) return
    if (actOn(event)) event.preventDefault()
  })
}

/** Returns whether the key meant something. */
function actOn(event: KeyboardEvent): boolean {
  if (event.key === 'Escape') return closeOrCancel(event.target)
  if (helpIsOpen.value) return false
  // AltGr, which types a letter, is Ctrl and Alt.
  if (event.altKey) return false
  if (event.ctrlKey || event.metaKey) return actOnCommand(event)
  if (!singleKeys.value || isTyping(event.target)) return false
  switch (event.key) {
    case '?':
      helpIsOpen.value = true
      return true
    case '/':
      focusPrompt()
      return true
    default:
      return false
  }
}

function actOnCommand({ key, shiftKey }: KeyboardEvent): boolean {
  const name = `${shiftKey ? 'Shift+' : ''}${key.toUpperCase()}`
  if (name === 'K') {
    if (!isWide()) drawerIsOpen.value = true
    searchCount.value++
    return true
  }
  if (name !== 'Shift+O') return false
  newChat()
  return true
}

/** Closes what is open; what the browser closes by itself is not ours. */
function closeOrCancel(target: EventTarget | null): boolean {
  if (document.querySelector(':popover-open, dialog[open]')) return false
  // Esc empties a search.
  if (target instanceof HTMLInputElement && target.type === 'search' && target.value) return false
  if (drawerIsOpen.value) {
    closeDrawer()
    return true
  }
  return cancelNewest()
}

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    target.matches('input:not([type=checkbox], [type=radio]), textarea')
  )
}
