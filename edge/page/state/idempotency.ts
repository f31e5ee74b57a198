import type { Question } from '../client/api.ts'
import { recall, remember } from './remember.ts'

/**
 * The key under which the server takes a question once only. A question whose answer was lost on its way
 * keeps its key, also when the page was closed meanwhile: sent again, it finds what it began.
 */
export async function keyOf(question: Question): Promise<string> {
  const print = await fingerprint(question)
  const [key, known] = (recall('unsent') ?? '').split(' ')
  if (key && known === print) return key
  const fresh = randomKey()
  remember('unsent', `${fresh} ${print}`)
  return fresh
}

/** The server has said what became of the question: the same one, asked again, is a new one. */
export function forgetKey(): void {
  remember('unsent', '')
}

async function fingerprint(question: Question): Promise<string> {
  const text = JSON.stringify(question)
  // Only where a page is served securely is there a digest; else the text stands for itself.
  if (!crypto.subtle) return encodeURIComponent(text)
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))
  return btoa(String.fromCharCode(...new Uint8Array(digest)))
}

function randomKey(): string {
  return Array.from(crypto.getRandomValues(new Uint32Array(4)), (n) => n.toString(36)).join('-')
}
