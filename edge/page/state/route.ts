import { recall, remember } from './remember.ts'

/** The conversation that the address names: `/#/c/{id}`; null for a new chat. */
export function conversationInAddress(): string | null {
  return /^#\/c\/([\w-]+)$/.exec(location.hash)?.[1] ?? null
}

export function addressOf(conversationId: string | null): string {
  return conversationId ? `#/c/${conversationId}` : '#/'
}

/** Writes the address without a move: what it names is on the screen already. */
export function replaceAddress(conversationId: string | null): void {
  history.replaceState(null, '', addressOf(conversationId))
  remember('conversation', conversationId ?? '')
}

/** On a visit to the bare address, brings back the conversation of the last visit. */
export function restoreAddress(): void {
  const last = recall('conversation')
  if (location.hash === '' && last) replaceAddress(last)
}
