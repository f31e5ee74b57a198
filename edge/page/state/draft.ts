import { effect, signal } from '@preact/signals'
import type { Say } from '../words/words.ts'
import { recall, remember } from './remember.ts'

const TYPING_MS = 400

/** The prompt that is being written. It is kept for the next visit. */
export const draft = signal(recall('draft') ?? '')
export const draftProblem = signal<Say | null>(null)
/** What is being done with it. */
export const sending = signal<'no' | 'uploading' | 'sending'>('no')
/** Counts the calls of `focusPrompt`. */
export const focusCount = signal(0)

/** Puts the cursor where the prompt is written. */
export function focusPrompt(): void {
  focusCount.value++
}

/** Keeps what is written a moment after the last key, and when the page is left. */
export function keepDraft(): void {
  let timer: ReturnType<typeof setTimeout>
  let kept = draft.peek()
  const keep = () => {
    // Another tab may have sent what both began with: it is not to come back from here.
    if (draft.peek() !== kept) remember('draft', draft.peek())
    kept = draft.peek()
  }
  effect(() => {
    draft.value
    clearTimeout(timer)
    timer = setTimeout(keep, TYPING_MS)
  })
  window.addEventListener('pagehide', keep)
}
