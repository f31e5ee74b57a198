import type {
  Batch,
  Conversations,
  History,
  Models,
  SubmitAnswer,
} from '../../drizzle/contract/http-api.ts'
import type { Mode } from '../../drizzle/contract/models.ts'
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

export function getBatch(id: string, signal: AbortSignal): Promise<Batch> {
  return ask(`/v1/batches/${encodeURIComponent(id)}`, signal)
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

async function ask<T>(
  path: string,
  signal: AbortSignal,
  init: RequestInit = {},
  timeoutMs = READ_TIMEOUT_MS,
): Promise<T> {
  try {
    const response = await fetchAsVisitor(path, {
      ...init,
      headers: { accept: 'application/json' },
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    })
    noteServerTime(response.headers.get('date'))
    if (!response.ok) throw await ApiError.from(response)
    return await response.json()
  } catch (error) {
    signal.throwIfAborted()
    throw error instanceof ApiError ? error : ApiError.unreachable()
  }
}
