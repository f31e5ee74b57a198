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

/** An address is good for an hour at least. */
const FILES_ANEW_MS = 45 * 60_000

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
  await act(turn, 'cancel', async () => showBatch(turn, await cancelBatch(turn.id)))
}

export async function cancelAnswer(turn: Turn, taskId: string): Promise<void> {
  await act(turn, taskId, async () => showResult(turn, await cancelTask(taskId)))
}

export async function retryAnswer(turn: Turn, taskId: string): Promise<void> {
  await act(turn, taskId, async () => {
    showResult(turn, await retryTask(taskId))
    // What is on its way may be of the time before: it would end the following.
    follow(turn)
  })
}

/** Goes on with one answer for all models, or (null) with each model's own. */
export async function goOnWith(turn: Turn, taskId: string | null): Promise<void> {
  await act(turn, 'choose', async () => showBatch(turn, await chooseAnswer(turn.id, taskId)))
}

/** Cancels what runs of the newest prompt. Returns whether anything did. */
export function cancelNewest(): boolean {
  const turn = newest.value
  if (!turn?.batch.value.results.some(isOpen)) return false
  void cancelTurn(turn)
  return true
}

/** Changes one thing (`what`) at a time: a second click on the same button is the same wish. */
async function act(turn: Turn, what: string, change: () => Promise<void>): Promise<void> {
  const { changing, problem } = turn
  if (changing.has(what)) return
  changing.add(what)
  problem.value = null
  try {
    await change()
  } catch (error) {
    problem.value = sayProblem(error)
    // The answer may be lost, or another tab may have been quicker: what is so now is asked.
    if (error instanceof ApiError && (error.passing || error.status === 409)) follow(turn)
  } finally {
    changing.delete(what)
  }
}

function follow(turn: Turn): void {
  turn.following?.abort()
  if (!turns.value.includes(turn)) return
  const following = new AbortController()
  turn.following = following
  const signal = AbortSignal.any([visit.signal, following.signal])
  const onBatch = (batch: Batch) => showBatch(turn, batch)
  pollBatch(turn.id, { signal, onBatch })
    .catch((error) => {
      if (!signal.aborted) turn.problem.value = sayProblem(error)
    })
    .finally(() => {
      if (turn.following === following) turn.following = null
    })
}

/** Addresses of files end after an hour or more: those on the screen are asked anew before. */
export function keepFilesReachable(): void {
  setInterval(() => {
    for (const turn of turns.value) if (hasFiles(turn)) follow(turn)
  }, FILES_ANEW_MS)
}

function hasFiles({ batch }: Turn): boolean {
  const { files, results } = batch.value
  return files.length > 0 || results.some((result) => result.files.length > 0)
}

/** Shows what has come to the open conversation elsewhere, by reading its history once more. */
export async function catchUpThread(): Promise<void> {
  const { signal } = visit
  if (openId.value === null || isLoading.value) return
  try {
    await load(openId.value, signal)
  } catch {
    // What is on the screen stays; the next time it is shown is another chance.
  }
}

/** Prompts that are sent while it loads stay behind what it brings; those that are shown are brought up to date. */
async function load(id: string, signal: AbortSignal): Promise<void> {
  const loaded: Turn[] = []
  for (let cursor: string | null = null; ; ) {
    const from: string | null = cursor
    const page: History = await keepTrying((shown) => getHistory(id, from, shown), signal)
    // Also those that were sent while it was on its way.
    const known = new Map(turns.value.map((turn) => [turn.id, turn]))
    for (const batch of page.batches) loaded.push(turnOf(batch, known))
    const rest = turns.value.filter((turn) => !loaded.includes(turn))
    turns.value = [...loaded, ...rest]
    for (const turn of loaded) if (isRunning(turn) && !turn.following) follow(turn)
    cursor = page.next_cursor
    if (!cursor) return
  }
}

function turnOf(batch: Batch, known: ReadonlyMap<string, Turn>): Turn {
  const turn = known.get(batch.batch_id)
  if (!turn) return createTurn(batch.batch_id, batch)
  // One that is followed knows better.
  if (!turn.following) showBatch(turn, batch)
  return turn
}

function isRunning({ batch }: Turn): boolean {
  return batch.value.status === 'PROCESSING'
}
