import type { Question } from '../client/api.ts'
import { recall, remember } from './remember.ts'

let unsent: { key: string; print: string } | undefined

/**
 * The key under which the server takes a question once only. A question whose answer was lost on its way
 * keeps its key, also when the page was closed meanwhile: sent again, it finds what it began.
 */
export async function keyOf(question: Question): Promise<string> {
  const print = await fingerprint(question)
  if (unsent?.print === print) return unsent.key
  const [key, known] = (recall('unsent') ?? '').split(' ')
  unsent = { key: key && known === print ? key : randomKey(), print }
  // A digest alone is kept: storage has no room for long prompts, nor any business with them.
  if (crypto.subtle) remember('unsent', `${unsent.key} ${print}`)
  return unsent.key
}

/** The server has said what became of the question: the same one, asked again, is a new one. */
export function forgetKey(key: string): void {
  if (unsent?.key === key) unsent = undefined
  // Another tab may have kept its own meanwhile.
  if (recall('unsent')?.startsWith(`${key} `)) remember('unsent', '')
}

/** Only where a page is served securely is there a digest; else the text stands for itself. */
async function fingerprint(question: Question): Promise<string> {
  const text = JSON.stringify(question)
  if (!crypto.subtle) return text
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))
  return btoa(String.fromCharCode(...new Uint8Array(digest)))
}

function randomKey(): string {
  return Array.from(crypto.getRandomValues(new Uint32Array(4)), (n) => n.toString(36)).join('-')
}
