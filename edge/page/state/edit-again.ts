import { computed, signal } from '@preact/signals'
import {
  type Attachment,
  attachments,
  attachProblem,
  letGo,
  storedAttachment,
} from './attachments.ts'
import { draft, draftProblem, focusPrompt, sending } from './draft.ts'
import { type Choice, choiceNow, choose, chooseListed } from './models.ts'
import type { Turn } from './turn.ts'

/** How long what was put aside can be brought back. */
const ASIDE_MS = 20_000

type Written = { text: string; files: readonly Attachment[] }

/** What another prompt took the place of; null where nothing was lost. */
const aside = signal<(Written & { choice: Choice }) | null>(null)
/** While a prompt is being sent, what is written is left to it. */
export const canBringBack = computed(() => aside.value !== null && sending.value === 'no')

/** What the last edit has put into the composer: while it is as it was, nothing is lost with it. */
let putIn: Written | null = null
let timer: ReturnType<typeof setTimeout>

/** Takes a prompt up again: its words, files and models, to be changed and sent. */
export function editAgain({ batch }: Turn): void {
  if (sending.value !== 'no') return
  const { user_prompt, files, results, mode } = batch.value
  putAside()
  putIn = { text: user_prompt, files: files.map(storedAttachment) }
  write(putIn)
  const ids = new Set(results.map(({ model }) => model))
  chooseListed({ ids, twice: results.some(({ slot }) => slot > 0), mode })
}

/** Puts back what was being written before, as it was. */
export function bringBackDraft(): void {
  const back = aside.value
  if (!back || !canBringBack.value) return
  clearTimeout(timer)
  aside.value = putIn = null
  letGo(attachments.value)
  write(back)
  choose(back.choice)
}

/** Keeps what is being written for a while. */
function putAside(): void {
  const text = draft.value
  const files = attachments.value
  const isLost = text.trim() !== '' || files.length > 0
  if (isLost && !(text === putIn?.text && files === putIn.files)) {
    giveUp()
    aside.value = { text, files, choice: choiceNow() }
  }
  clearTimeout(timer)
  timer = setTimeout(giveUp, ASIDE_MS)
}

function giveUp(): void {
  letGo(aside.value?.files ?? [])
  aside.value = null
}

function write({ text, files }: Written): void {
  draft.value = text
  attachments.value = files
  draftProblem.value = attachProblem.value = null
  focusPrompt()
}
