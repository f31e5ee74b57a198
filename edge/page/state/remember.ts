type Key =
  | 'conversation'
  | 'deleting'
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

export function rememberList(key: Key, list: readonly string[]): void {
  remember(key, JSON.stringify(list))
}

export function recallList(key: Key): string[] {
  try {
    const stored: unknown = JSON.parse(recall(key) ?? '[]')
    return Array.isArray(stored) ? stored.filter((one) => typeof one === 'string') : []
  } catch {
    return []
  }
}
