import { ApiError } from './api-error.ts'
import { noteServerTime } from './server-clock.ts'
import { asVisitor } from './session.ts'

export const READ_TIMEOUT_MS = 20_000
export const CHANGE_TIMEOUT_MS = 60_000

type Options<T> = {
  signal: AbortSignal
  timeoutMs: number
  take(response: Response): Promise<T>
}

/** One request. Rejects with an ApiError, or with the signal's reason when it aborts. */
export async function request<T>(
  path: string,
  init: RequestInit,
  { signal, timeoutMs, take }: Options<T>,
): Promise<T> {
  try {
    const bounded = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)])
    const response = await asVisitor(() => fetch(path, { ...init, signal: bounded }), bounded)
    noteServerTime(response.headers.get('date'))
    if (!response.ok && response.status !== 304) throw await ApiError.from(response)
    return await take(response)
  } catch (error) {
    signal.throwIfAborted()
    throw error instanceof ApiError ? error : ApiError.unreachable()
  }
}

/** Reads a thing as JSON. */
export function read<T>(
  path: string,
  signal: AbortSignal,
  timeoutMs = READ_TIMEOUT_MS,
): Promise<T> {
  const headers = { accept: 'application/json' }
  return request(path, { headers }, { signal, timeoutMs, take: json<T> })
}

/** Changes a thing. Not aborted on leave: what a person has begun goes on. */
export function change<T>(
  method: 'POST' | 'PATCH',
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<T> {
  const { signal } = new AbortController()
  const all = new Headers({ accept: 'application/json', ...headers })
  if (body !== undefined) all.set('content-type', 'application/json')
  const init = {
    method,
    headers: all,
    body: body === undefined ? undefined : JSON.stringify(body),
  }
  return request(path, init, { signal, timeoutMs: CHANGE_TIMEOUT_MS, take: json<T> })
}

function json<T>(response: Response): Promise<T> {
  return response.json()
}
