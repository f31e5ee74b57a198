import { ApiError } from './api-error.ts'

/** Another tab that asks, or a server that does not answer, keeps nobody for longer. */
const OPEN_TIMEOUT_MS = 10_000

/** Resolves when this browser has been let in, or was refused: then the next request says why. */
let opened: Promise<void> | undefined
/** Visitors are not let in here: until the page is loaded anew, that is not asked again. */
let refused = false

/** Sends a request as the visitor that this browser is known as. */
export async function asVisitor<Answer extends { status: number }>(
  send: () => Promise<Answer>,
  signal: AbortSignal,
): Promise<Answer> {
  opened ??= open()
  const before = opened
  await unlessAborted(before, signal)
  const answer = await send()
  if (answer.status !== 401 || refused) return answer
  // The cookie is gone, or no longer good. Another request may have found that out already.
  if (opened === before) opened = open()
  await unlessAborted(opened, signal)
  return send()
}

/** One after the other, of all tabs: the second one finds the cookie of the first and keeps it. */
async function open(): Promise<void> {
  const signal = AbortSignal.timeout(OPEN_TIMEOUT_MS)
  const ask = async () => {
    const response = await fetch('/v1/session', { method: 'POST', signal })
    refused = response.status === 403
    if (!response.ok && !refused) throw await ApiError.from(response)
  }
  try {
    await (navigator.locks ? navigator.locks.request('session', { signal }, ask) : ask())
  } catch (error) {
    opened = undefined
    throw error instanceof ApiError ? error : ApiError.unreachable()
  }
}

/** Others may wait for the same: only this one stops to. */
async function unlessAborted(promise: Promise<void> | undefined, signal: AbortSignal) {
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  const onAbort = () => reject(signal.reason)
  signal.addEventListener('abort', onAbort)
  if (signal.aborted) onAbort()
  try {
    await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
