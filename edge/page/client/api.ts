import type {
  Batch,
  Conversation,
  Conversations,
  History,
  Models,
  SubmitAnswer,
  Task,
} from '../../../drizzle/contract/http-api.ts'
import type { Mode } from '../../../drizzle/contract/models.ts'
import { CHANGE_TIMEOUT_MS, change, READ_TIMEOUT_MS, read, request } from './request.ts'

/** Answers may be long: a page of them must come through a slow line. */
const HISTORY_LIMIT = '20'
const HISTORY_TIMEOUT_MS = 120_000

export type Question = {
  prompt: string
  model: string
  conversation_id?: string
  gemini_concurrency: 1 | 2
  mode: Mode
  file_ids: string[]
}

/** Sends one prompt to every chosen model. With the same key, the same question is asked only once. */
export function submit(question: Question, key: string): Promise<SubmitAnswer> {
  return change('POST', '/v1/chat/completions', question, { 'Idempotency-Key': key })
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
  return request(`/v1/batches/${part(id)}`, { headers }, { signal, timeoutMs, take })
}

export function cancelBatch(id: string): Promise<Batch> {
  return change('POST', `/v1/batches/${part(id)}/cancel`)
}

/** `taskId`: null takes the choice back. */
export function chooseAnswer(batchId: string, taskId: string | null): Promise<Batch> {
  return change('POST', `/v1/batches/${part(batchId)}/choose`, { task_id: taskId })
}

export function cancelTask(id: string): Promise<Task> {
  return change('POST', `/v1/tasks/${part(id)}/cancel`)
}

export function retryTask(id: string): Promise<Task> {
  return change('POST', `/v1/tasks/${part(id)}/retry`)
}

export function getHistory(
  id: string,
  cursor: string | null,
  signal: AbortSignal,
): Promise<History> {
  const path = `/v1/conversations/${part(id)}/history${query({ cursor, limit: HISTORY_LIMIT })}`
  return read(path, signal, HISTORY_TIMEOUT_MS)
}

export function getConversations(
  { cursor, search }: { cursor: string | null; search: string },
  signal: AbortSignal,
): Promise<Conversations> {
  return read(`/v1/conversations${query({ cursor, search })}`, signal)
}

export function renameConversation(id: string, title: string): Promise<Conversation> {
  return change('PATCH', `/v1/conversations/${part(id)}`, { title })
}

/** Goes on when the page is left. */
export async function deleteConversation(id: string): Promise<void> {
  const { signal } = new AbortController()
  const init = { method: 'DELETE', keepalive: true }
  const options = { signal, timeoutMs: CHANGE_TIMEOUT_MS, take: async () => {} }
  await request(`/v1/conversations/${part(id)}`, init, options)
}

/** Where a whole conversation can be downloaded. */
export function exportAddress(id: string, format: 'json' | 'markdown'): string {
  return `/v1/conversations/${part(id)}/export?format=${format}`
}

export function getModels(signal: AbortSignal): Promise<Models> {
  return read('/v1/models', signal)
}

function part(id: string): string {
  return encodeURIComponent(id)
}

function query(fields: Record<string, string | null>): string {
  const given = Object.entries(fields).filter((field): field is [string, string] => !!field[1])
  return given.length > 0 ? `?${new URLSearchParams(given)}` : ''
}
