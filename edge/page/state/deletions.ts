import { signal } from '@preact/signals'
import type { Conversation } from '../../../drizzle/contract/http-api.ts'
import { deleteConversation } from '../client/api.ts'
import { ApiError } from '../client/api-error.ts'
import { sayProblem } from '../words/problem.ts'
import type { Say } from '../words/words.ts'
import { isText, recallList, rememberList } from './remember.ts'

/** How long a deletion can be taken back. */
const UNDO_MS = 6000

/** A conversation that is to be deleted, and when. */
export type Deletion = { id: string; title: string; timer: ReturnType<typeof setTimeout> }

/** Those that can still be taken back; the last one comes last. */
export const deletions = signal<readonly Deletion[]>([])
/** What is deleted, or is about to be. */
export const doomed = signal<ReadonlySet<string>>(new Set())
/** The last one that the server did not carry out. */
export const deletionProblem = signal<Say | null>(null)
/** Those that the server has been asked to delete, and has not answered. */
const underWay = new Set<string>()

/** Takes a conversation away, and deletes it after a while, or when the page is left. */
export function deleteSoon({ conversation_id: id, title }: Conversation): void {
  deletionProblem.value = null
  doomed.value = new Set(doomed.value).add(id)
  deletions.value = [...deletions.value, { id, title, timer: timerOf({ id, title }) }]
}

/** Who looks at it, or has the focus on it, has all the time there is. */
export function hold({ timer }: Deletion): void {
  clearTimeout(timer)
}

export function release(held: Deletion): void {
  clearTimeout(held.timer)
  deletions.value = deletions.value.map((one) =>
    one.id === held.id ? { ...one, timer: timerOf(one) } : one,
  )
}

function timerOf(one: Pick<Deletion, 'id' | 'title'>): Deletion['timer'] {
  return setTimeout(() => send(one), UNDO_MS)
}

export function undo({ id, timer }: Deletion): void {
  clearTimeout(timer)
  forget(id)
  spare(id)
}

/**
 * Who leaves the page has not taken it back. The next visit may be quicker than the server: it does not
 * list what is being deleted, and has it deleted for sure.
 */
export function deleteOnLeave(): void {
  for (const id of recallList('deleting', isText)) {
    doomed.value = new Set(doomed.value).add(id)
    void send({ id, title: '' })
  }
  window.addEventListener('pagehide', () => {
    for (const { id, title, timer } of deletions.value) {
      clearTimeout(timer)
      void send({ id, title })
    }
  })
}

async function send({ id, title }: Pick<Deletion, 'id' | 'title'>): Promise<void> {
  forget(id)
  keepUnderWay(() => underWay.add(id))
  try {
    await deleteConversation(id)
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return
    spare(id)
    const why = sayProblem(error)
    deletionProblem.value = (words) => words.notDeleted(title || words.untitled, why(words))
  } finally {
    keepUnderWay(() => underWay.delete(id))
  }
}

function keepUnderWay(change: () => void): void {
  change()
  rememberList('deleting', [...underWay])
}

function forget(id: string): void {
  deletions.value = deletions.value.filter((one) => one.id !== id)
}

function spare(id: string): void {
  const others = new Set(doomed.value)
  others.delete(id)
  doomed.value = others
}
