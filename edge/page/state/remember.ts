type Key =
  | 'conversation'
  | 'models'
  | 'doubled'
  | 'mode'
  | 'draft'
  | 'unsent'
  | 'language'
  | 'theme'
  | 'single-keys'

/** Keeps a value for the next visit. Storage may be switched off: then nothing is remembered. */
export function remember(key: Key, value: string): void {
  try {
    localStorage.setItem(`async-chat.${key}`, value)
  } catch {
    // Private windows and full disks: the page works without.
  }
}

export function recall(key: Key): string | null {
  try {
    return localStorage.getItem(`async-chat.${key}`)
  } catch {
    return null
  }
}
