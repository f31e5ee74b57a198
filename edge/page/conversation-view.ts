import type { Batch, History } from '../../drizzle/contract/http-api.ts'
import { getHistory } from './client/api.ts'
import { ApiError, messageOf } from './client/api-error.ts'
import { type BatchView, createBatchView, type ShownBatch } from './batch-view.ts'
import type { Connection } from './client/connection.ts'
import { followBottom, scrollToBottom } from './follow-bottom.ts'
import { keepTrying } from './client/keep-trying.ts'
import { pollBatch } from './client/poll-batch.ts'

type Parts = {
  /** The box that scrolls. */
  thread: HTMLElement
  batches: HTMLElement
  empty: HTMLElement
  loading: HTMLElement
  connection: Connection
  announce(text: string): void
  /** Hears of what a person must be told, such as a conversation that is not there. */
  onProblem(message: string): void
}

export type ConversationView = {
  /** Aborts when the reader leaves the conversation on the screen. */
  readonly visit: AbortSignal
  open(conversationId: string | null): Promise<void>
  add(batchId: string, prompt: string): void
}

/** The batches of one conversation at a time: loads them, and follows those that are open. */
export function createConversationView(parts: Parts): ConversationView {
  const { thread, connection } = parts
  const shown = new Map<string, BatchView>()
  const open = new Set<BatchView>()
  /** Where the batches sent on this visit begin: what is loaded belongs above them. */
  let firstSent: HTMLElement | null = null
  let leave = new AbortController()

  setInterval(() => {
    for (const view of open) view.tick()
  }, 1000)

  const show = (batch: Pick<Batch, 'batch_id'> & ShownBatch, before: HTMLElement | null = null) => {
    parts.empty.hidden = true
    const view = createBatchView(batch, parts.announce)
    shown.set(batch.batch_id, view)
    parts.batches.insertBefore(view.root, before)
    return view
  }

  const follow = async (view: BatchView, batchId: string, afterMs: number) => {
    const { signal } = leave
    const onBatch = (batch: Batch) => followBottom(thread, () => view.update(batch))
    open.add(view)
    try {
      await pollBatch(batchId, afterMs, { signal, connection, onBatch })
    } catch (error) {
      if (!signal.aborted) view.fail(messageOf(error))
    } finally {
      open.delete(view)
    }
  }

  const load = async (id: string, signal: AbortSignal) => {
    for (let cursor: string | null = null; ; ) {
      const from: string | null = cursor
      const page: History = await keepTrying(() => getHistory(id, from, signal), {
        signal,
        connection,
      })
      followBottom(thread, () => {
        for (const batch of page.batches) {
          if (shown.has(batch.batch_id)) continue
          const view = show(batch, firstSent)
          if (batch.status === 'PROCESSING') void follow(view, batch.batch_id, 0)
        }
      })
      cursor = page.next_cursor
      if (!cursor) return
    }
  }

  return {
    get visit() {
      return leave.signal
    },
    async open(id) {
      leave.abort()
      leave = new AbortController()
      const { signal } = leave
      shown.clear()
      firstSent = null
      parts.batches.replaceChildren()
      parts.empty.hidden = id !== null
      parts.loading.hidden = id === null
      try {
        if (id) await load(id, signal)
      } catch (error) {
        if (signal.aborted) return
        const gone = error instanceof ApiError && error.status === 404
        parts.onProblem(gone ? 'This conversation does not exist.' : messageOf(error))
        parts.empty.hidden = parts.batches.childElementCount > 0
      } finally {
        if (!signal.aborted) parts.loading.hidden = true
      }
    },
    add(batchId, prompt) {
      const view = show({ batch_id: batchId, user_prompt: prompt, files: [], results: [] })
      firstSent ??= view.root
      parts.announce('Prompt sent')
      scrollToBottom(thread)
      void follow(view, batchId, 0)
    },
  }
}
