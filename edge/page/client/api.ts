import type {
  Batch,
  Conversations,
  History,
  Models,
  SubmitAnswer,
} from '../../../drizzle/contract/http-api.ts'
import type { Mode } from '../../../drizzle/contract/models.ts'
import { ApiError } from './api-error.ts'
import { noteServerTime } from './server-clock.ts'
import { fetchAsVisitor } from './session.ts'

const READ_TIMEOUT_MS = 20_000
const SUBMIT_TIMEOUT_MS = 60_000
/** 50 MB by a slow line. */
const UPLOAD_TIMEOUT_MS = 900_000

export type Question = {
  prompt: string
  models: string[]
  conversationId: string | null
  geminiConcurrency: 1 | 2
  mode: Mode
  files: readonly File[]
}

/** Sends one prompt to every chosen model. Not repeated by itself: a doubled prompt costs money. */
export function submit(question: Question, signal: AbortSignal): Promise<SubmitAnswer> {
  const body = new FormData()
  body.set('prompt', question.prompt)
  body.set('model', question.models.join(','))
  body.set('mode', question.mode)
  body.set('gemini_concurrency', String(question.geminiConcurrency))
  if (question.conversationId) body.set('conversation_id', question.conversationId)
  for (const file of question.files) body.append('files', file)
  const timeoutMs = question.files.length > 0 ? UPLOAD_TIMEOUT_MS : SUBMIT_TIMEOUT_MS
  return ask('/v1/chat/completions', signal, { method: 'POST', body }, timeoutMs)
}

/** `batch`: null where its tag is still the same. `waited`: whether the server does wait as it is asked. */
export type PolledBatch = { batch: Batch | null; tag: string | null; waited: boolean }

/** Asks for a batch; where its tag is known, for another than that, for which the server may wait. */
export function getBatch(
  id: string,
  { tag, waitS }: { tag: string | null; waitS: number },
  signal: AbortSignal,
): Promise<PolledBatch> {
  const headers = new Headers({ accept: 'application/json' })
  if (tag !== null) headers.set('If-None-Match', tag)
  if (waitS > 0) headers.set('Prefer', `wait=${waitS}`)
  const take = async (response: Response) => ({
    batch: response.status === 304 ? null : await response.json(),
    tag: response.headers.get('etag'),
    waited: response.headers.has('preference-applied'),
  })
  const timeoutMs = READ_TIMEOUT_MS + waitS * 1000
  return request(`/v1/batches/${encodeURIComponent(id)}`, signal, { headers }, timeoutMs, take)
}

export function getHistory(
  id: string,
  cursor: string | null,
  signal: AbortSignal,
): Promise<History> {
  return ask(`/v1/conversations/${encodeURIComponent(id)}/history${from(cursor)}`, signal)
}

export function getConversations(
  cursor: string | null,
  signal: AbortSignal,
): Promise<Conversations> {
  return ask(`/v1/conversations${from(cursor)}`, signal)
}

export function getModels(signal: AbortSignal): Promise<Models> {
  return ask('/v1/models', signal)
}

function from(cursor: string | null): string {
  return cursor ? `?cursor=${encodeURIComponent(cursor)}` : ''
}

function ask<T>(
  path: string,
  signal: AbortSignal,
  init: RequestInit = {},
  timeoutMs = READ_TIMEOUT_MS,
): Promise<T> {
  const headers = { accept: 'application/json' }
  return request(path, signal, { ...init, headers }, timeoutMs, (response) => response.json())
}

async function request<T>(
  path: string,
  signal: AbortSignal,
  init: RequestInit,
  timeoutMs: number,
  take: (response: Response) => Promise<T>,
): Promise<T> {
  try {
    const response = await fetchAsVisitor(path, {
      ...init,
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    })
    noteServerTime(response.headers.get('date'))
    if (!response.ok && response.status !== 304) throw await ApiError.from(response)
    return await take(response)
  } catch (error) {
    signal.throwIfAborted()
    throw error instanceof ApiError ? error : ApiError.unreachable()
  }
}
