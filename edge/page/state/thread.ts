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
/** What has been read of its history: the turns before the last page, where that begins, when its last prompt was sent. */
type Read = { turns: readonly Turn[]; cursor: string | null; until: string }
const NOTHING: Read = { turns: [], cursor: null, until: '' }
let read = NOTHING

/** Shows a conversation, and follows what is still being answered in it. */
export async function openThread(id: string | null): Promise<void> {
  visit.abort()
  visit = new AbortController()
  const { signal } = visit
  openId.value = id
  turns.value = []
  read = NOTHING
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
  await act(turn, 'cancel', async () => {
    showBatch(turn, await cancelBatch(turn.id))
    followAnew(turn)
  })
}

export async function cancelAnswer(turn: Turn, taskId: string): Promise<void> {
  await act(turn, taskId, async () => {
    showResult(turn, await cancelTask(taskId))
    followAnew(turn)
  })
}

export async function retryAnswer(turn: Turn, taskId: string): Promise<void> {
  await act(turn, taskId, async () => {
    showResult(turn, await retryTask(taskId))
    follow(turn)
  })
}

/** Goes on with one answer for all models, or (null) with each model's own. */
export async function goOnWith(turn: Turn, taskId: string | null): Promise<void> {
  await act(turn, 'choose', async () => {
    showBatch(turn, await chooseAnswer(turn.id, taskId))
    followAnew(turn)
  })
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
    problem.value = { say: sayProblem(error), error }
    // The answer may be lost, or another tab may have been quicker: what is so now is asked.
    if (error instanceof ApiError && (error.passing || error.status === 409)) follow(turn)
  } finally {
    changing.delete(what)
  }
}

/** What is on its way may be of the time before the change: it is not waited for. */
function followAnew(turn: Turn): void {
  turn.following?.abort()
  if (isRunning(turn)) follow(turn)
}

function follow(turn: Turn): void {
  turn.following?.abort()
  if (!turns.value.includes(turn)) return
  const following = new AbortController()
  turn.following = following
  const signal = AbortSignal.any([visit.signal, following.signal])
  const onBatch = (batch: Batch) => {
    if (isOver(turn, batch)) turn.problem.value = null
    showBatch(turn, batch)
  }
  pollBatch(turn.id, { signal, onBatch })
    .catch((error) => {
      if (!signal.aborted) turn.problem.value = { say: sayProblem(error), error }
    })
    .finally(() => {
      if (turn.following === following) turn.following = null
    })
}

/** Whether nothing is left of the problem: the server is back, or what could not be changed has changed. */
function isOver({ problem, batch }: Turn, now: Batch): boolean {
  const error = problem.value?.error
  if (!(error instanceof ApiError && error.passing)) return false
  return error.status === 0 || batch.value.status !== now.status
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

/**
 * Shows what has been sent to the open conversation elsewhere, where that is not known. `changedAt`: when its last
 * prompt was sent, if one knows.
 */
export async function catchUpThread(
  id: string,
  changedAt: string | undefined,
  stop: AbortSignal,
): Promise<void> {
  if (id !== openId.value || isLoading.value) return
  if (changedAt !== undefined && changedAt <= read.until) return
  try {
    await load(id, AbortSignal.any([visit.signal, stop]))
  } catch {
    // What is on the screen stays; the next time it is shown is another chance.
  }
}

/**
 * Reads the history, from the last page that is known. Prompts that are sent while it loads stay behind what
 * it brings; those that are shown are brought up to date.
 */
async function load(id: string, signal: AbortSignal): Promise<void> {
  for (;;) {
    const { cursor } = read
    const page: History = await keepTrying((shown) => getHistory(id, cursor, shown), signal)
    // Also those that were sent while it was on its way.
    const known = new Map(turns.value.map((turn) => [turn.id, turn]))
    const brought = page.batches.map((batch) => turnOf(batch, known))
    const ordered = [...read.turns, ...brought]
    const rest = turns.value.filter((turn) => !ordered.includes(turn))
    turns.value = [...ordered, ...rest]
    for (const turn of brought) if (isRunning(turn) && !turn.following) follow(turn)
    const until = page.batches.at(-1)?.created_at ?? read.until
    read = page.next_cursor
      ? { turns: ordered, cursor: page.next_cursor, until }
      : { ...read, until }
    if (!page.next_cursor) return
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
