import type { Batch } from '../../drizzle/contract/http-api.ts'
import { getBatch } from './api.ts'
import type { Connection } from './connection.ts'
import { keepTrying } from './keep-trying.ts'
import { pause } from './pause.ts'

/** For a gateway that does not say how long to wait. */
const POLL_MS = 1000

/**
 * Follows one batch until it has ended: one request at a time, each `poll_after_ms` after the last
 * answer. Rejects with the signal's reason when it aborts.
 */
export async function pollBatch(
  batchId: string,
  afterMs: number,
  watch: { signal: AbortSignal; connection: Connection; onBatch(batch: Batch): void },
): Promise<void> {
  for (let waitMs = afterMs; ; ) {
    if (waitMs > 0) await pause(waitMs, watch.signal)
    const batch = await keepTrying(() => getBatch(batchId, watch.signal), watch)
    watch.onBatch(batch)
    if (batch.status !== 'PROCESSING') return
    waitMs = batch.poll_after_ms ?? POLL_MS
  }
}
