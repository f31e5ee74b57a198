const PREFIX = 'async-chat.'

type Key =
  | 'conversation'
  | 'deleting'
  | 'models'
  | 'doubled'
  | 'mode'
  | 'draft'
  | 'files'
  | 'unsent'
  | 'language'
  | 'theme'
  | 'single-keys'

/** Keeps a value for the next visit. Storage may be switched off: then nothing is remembered. */
export function remember(key: Key, value: string): void {
  try {
    localStorage.setItem(PREFIX + key, value)
  } catch {
    // Private windows and full disks: the page works without.
  }
}

export function recall(key: Key): string | null {
  try {
    return localStorage.getItem(PREFIX + key)
  } catch {
    return null
  }
}

/** Hears what another tab keeps from now on. */
export function hearKept(onKept: (key: Key) => void): void {
  window.addEventListener('storage', ({ key }) => {
    if (key?.startsWith(PREFIX)) onKept(key.slice(PREFIX.length) as Key)
  })
}

export function rememberList(key: Key, list: readonly unknown[]): void {
  remember(key, JSON.stringify(list))
}

/** What of the remembered list is such a thing; nothing where there is none. */
export function recallList<T>(key: Key, isOne: (one: unknown) => one is T): T[] {
  try {
    const stored: unknown = JSON.parse(recall(key) ?? '[]')
    return Array.isArray(stored) ? stored.filter(isOne) : []
  } catch {
    return []
  }
}

export function isText(one: unknown): one is string {
  return typeof one === 'string'
}
