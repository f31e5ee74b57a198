import { computed, effect, signal } from '@preact/signals'
import type { Conversation, Conversations as Page } from '../../../drizzle/contract/http-api.ts'
import { getConversations, renameConversation } from '../client/api.ts'
import { keepTrying } from '../client/keep-trying.ts'
import { sayProblem } from '../words/problem.ts'
import type { Say } from '../words/words.ts'
import { doomed } from './deletions.ts'

const TYPING_MS = 250

/** What the list is searched for; empty: all are listed. */
export const search = signal('')
export const listProblem = signal<Say | null>(null)
/** Whether the list has been loaded for what it is searched for. */
export const isListed = computed(() => listedFor.value === wanted())
export const hasMore = computed(() => cursor.value !== null)
export const isLoadingMore = signal(false)
const loaded = signal<readonly Conversation[]>([])
const cursor = signal<string | null>(null)
/** What it was searched for when it was loaded; null before that. */
const listedFor = signal<string | null>(null)

/** The conversations, newest first. */
export const conversations = computed(() =>
  loaded.value.filter(({ conversation_id: id }) => !doomed.value.has(id)),
)

let asking = new AbortController()
/** Ends the refresh before: the next one says more. */
let refreshing = new AbortController()

/** Lists them, and again for each change of the search. */
export function startList(): void {
  let first = true
  effect(() => {
    search.value
    const timer = setTimeout(refreshList, first ? 0 : TYPING_MS, 'anew')
    first = false
    return () => clearTimeout(timer)
  })
}

/** Asks for the newest ones and puts them at the top; `anew` forgets what was listed before. */
export async function refreshList(how?: 'anew'): Promise<void> {
  if (how === 'anew') asking.abort()
  if (how === 'anew') asking = new AbortController()
  refreshing.abort()
  refreshing = new AbortController()
  const { signal } = refreshing
  await guarded(signal, async () => {
    const text = wanted()
    const page = await ask({ cursor: null, search: text }, signal)
    const known = how === 'anew' || text !== listedFor.value ? [] : loaded.value
    const rest = olderThan(page, known)
    loaded.value = joined(page.conversations, rest)
    // A refresh of the top must not lose the place of one who has asked for more.
    if (loaded.value.length === page.conversations.length) cursor.value = page.next_cursor
    listedFor.value = text
  })
}

export async function loadMore(): Promise<void> {
  const { signal } = asking
  isLoadingMore.value = true
  await guarded(signal, async () => {
    const page = await ask({ cursor: cursor.value, search: listedFor.value ?? '' }, signal)
    loaded.value = joined(loaded.value, page.conversations)
    cursor.value = page.next_cursor
  })
  isLoadingMore.value = false
}

/** Shows the new title at once, and the old one again where the server refuses it. */
export async function rename(id: string, title: string): Promise<void> {
  const before = loaded.value.find((one) => one.conversation_id === id)
  if (!before || title === before.title || title === '') return
  listProblem.value = null
  showTitle(id, title)
  try {
    showTitle(id, (await renameConversation(id, title)).title)
  } catch (error) {
    showTitle(id, before.title)
    listProblem.value = sayProblem(error)
  }
}

function showTitle(id: string, title: string): void {
  loaded.value = loaded.value.map((one) => (one.conversation_id === id ? { ...one, title } : one))
}

function wanted(): string {
  return search.value.trim()
}

function ask(what: { cursor: string | null; search: string }, signal: AbortSignal) {
  return keepTrying((shown) => getConversations(what, shown), signal)
}

async function guarded(signal: AbortSignal, act: () => Promise<void>): Promise<void> {
  try {
    await act()
    listProblem.value = null
  } catch (error) {
    if (!signal.aborted) listProblem.value = sayProblem(error)
  }
}

/** Those that a page has no room for. Any other that it does not have was deleted, or is not found any more. */
function olderThan({ conversations, next_cursor }: Page, known: readonly Conversation[]) {
  const last = conversations.at(-1)
  if (!last || next_cursor === null) return []
  return known.filter((one) => Date.parse(one.updated_at) <= Date.parse(last.updated_at))
}

/** One list after the other, each conversation once, where it comes first. */
function joined(first: readonly Conversation[], then: readonly Conversation[]): Conversation[] {
  const ids = new Set(first.map((one) => one.conversation_id))
  return [...first, ...then.filter((one) => !ids.has(one.conversation_id))]
}
