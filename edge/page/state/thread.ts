import { computed, signal } from '@preact/signals'
import type { Batch, History } from '../../../drizzle/contract/http-api.ts'
import { cancelBatch, cancelTask, chooseAnswer, getHistory, retryTask } from '../client/api.ts'
import { ApiError } from '../client/api-error.ts'
import { keepTrying } from '../client/keep-trying.ts'
import { pollBatch } from '../client/poll-batch.ts'
import { sayProblem } from '../words/problem.ts'
import type { Say } from '../words/words.ts'
import { announce } from './announcer.ts'
import { remember } from './remember.ts'
import { isOpen } from './result-state.ts'
import { createTurn, type ShownBatch, showBatch, showResult, type Turn } from './turn.ts'

/** The conversation on the screen; null while a new one is being begun. */
export const openId = signal<string | null>(null)
export const turns = signal<readonly Turn[]>([])
export const isLoading = signal(false)
export const threadProblem = signal<Say | null>(null)
/** Counts the prompts sent from here: each brings the reader to the end of the thread. */
export const sentCount = signal(0)
/** The turn whose answers can still be chosen among. */
export const newest = computed(() => turns.value.at(-1))

/** Aborts when the reader leaves the conversation on the screen. */
let visit = new AbortController()

/** Shows a conversation, and follows what is still being answered in it. */
export async function openThread(id: string | null): Promise<void> {
  visit.abort()
  visit = new AbortController()
  const { signal } = visit
  openId.value = id
  turns.value = []
  threadProblem.value = null
  isLoading.value = id !== null
  if (id === null) return
  try {
    await load(id, signal)
  } catch (error) {
    if (signal.aborted) return
    const gone = error instanceof ApiError && error.status === 404
    // Else each visit to the bare address would come back to it.
    if (gone) remember('conversation', '')
    threadProblem.value = gone ? (words) => words.noSuchConversation : sayProblem(error)
  } finally {
    if (!signal.aborted) isLoading.value = false
  }
}

/** Shows a prompt that the server has taken: just now, or (its answer was lost) a while ago. */
export function addTurn(conversationId: string, batchId: string, batch: ShownBatch): void {
  openId.value = conversationId
  sentCount.value++
  announce((words) => words.promptSent)
  if (turns.value.some(({ id }) => id === batchId)) return
  const turn = createTurn(batchId, batch)
  turns.value = [...turns.value, turn]
  follow(turn)
}

export async function cancelTurn(turn: Turn): Promise<void> {
  await act(turn, async () => showBatch(turn, await cancelBatch(turn.id)))
}

export async function cancelAnswer(turn: Turn, taskId: string): Promise<void> {
  await act(turn, async () => showResult(turn, await cancelTask(taskId)))
}

export async function retryAnswer(turn: Turn, taskId: string): Promise<void> {
  await act(turn, async () => {
    showResult(turn, await retryTask(taskId))
    // What is on its way may be of the time before: it would end the following.
    follow(turn)
  })
}

/** Goes on with one answer for all models, or (null) with each model's own. */
export async function choose(turn: Turn, taskId: string | null): Promise<void> {
  await act(turn, async () => showBatch(turn, await chooseAnswer(turn.id, taskId)))
}

/** Cancels what runs of the newest prompt. Returns whether anything did. */
export function cancelNewest(): boolean {
  const turn = newest.value
  if (!turn?.batch.value.results.some(isOpen)) return false
  void cancelTurn(turn)
  return true
}

async function act(turn: Turn, change: () => Promise<void>): Promise<void> {
  turn.problem.value = null
  try {
    await change()
  } catch (error) {
    turn.problem.value = sayProblem(error)
  }
}

function follow(turn: Turn): void {
  turn.following?.abort()
  const following = new AbortController()
  turn.following = following
  const signal = AbortSignal.any([visit.signal, following.signal])
  const onBatch = (batch: Batch) => showBatch(turn, batch)
  pollBatch(turn.id, { signal, onBatch }).catch((error) => {
    if (!signal.aborted) turn.problem.value = sayProblem(error)
  })
}

/** Prompts that are sent while it loads stay behind what it brings. */
async function load(id: string, signal: AbortSignal): Promise<void> {
  const loaded: Turn[] = []
  for (let cursor: string | null = null; ; ) {
    const from: string | null = cursor
    const page: History = await keepTrying((shown) => getHistory(id, from, shown), signal)
    const shown = new Set(turns.value.map((turn) => turn.id))
    const added = page.batches
      .filter(({ batch_id }) => !shown.has(batch_id))
      .map((batch) => ({ turn: createTurn(batch.batch_id, batch), batch }))
    const sent = turns.value.slice(loaded.length)
    loaded.push(...added.map(({ turn }) => turn))
    turns.value = [...loaded, ...sent]
    for (const { turn, batch } of added) if (batch.status === 'PROCESSING') follow(turn)
    cursor = page.next_cursor
    if (!cursor) return
  }
}
