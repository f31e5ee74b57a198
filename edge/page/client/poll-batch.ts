import type { Batch } from '../../../drizzle/contract/http-api.ts'
import { getBatch, type PolledBatch } from './api.ts'
import { keepTrying } from './keep-trying.ts'
import { pause } from './pause.ts'
import { inPlace } from './waiting-place.ts'

/** For a gateway that does not say how long to wait. */
const POLL_MS = 1000
/** How long the server is asked to wait for a change. */
const WAIT_S = 25
/** After an answer, so that changes which come together need no request each. */
const GATHER_MS = 250

/**
 * Follows one batch until it has ended, with one request at a time. The first asks for what there is; each
 * later one asks the server to wait for a change against that. Where the server does not, or enough
 * requests wait already, the next one comes `poll_after_ms` later. What was not answered is asked again
 * without a wait, so that the reader sees at once when the server is back. Rejects with the signal's reason
 * when it aborts.
 */
export async function pollBatch(
  batchId: string,
  { signal, onBatch }: { signal: AbortSignal; onBatch(batch: Batch): void },
): Promise<void> {
  let tag: string | null = null
  let mayWait = false
  const ask = (shown: AbortSignal, isRepeat: boolean): Promise<PolledBatch> => {
    mayWait = tag !== null && !isRepeat
    return mayWait ? getInPlace(batchId, tag, shown) : getBatch(batchId, { tag, waitS: 0 }, shown)
  }
  for (let pollMs = POLL_MS; ; ) {
    const answer = await keepTrying(ask, signal)
    if (answer.batch) {
      onBatch(answer.batch)
      if (answer.batch.status !== 'PROCESSING') return
      pollMs = answer.batch.poll_after_ms ?? POLL_MS
    }
    tag = answer.tag
    const waitsNext = answer.waited || (!mayWait && tag !== null)
    await pause(waitsNext ? GATHER_MS : pollMs, signal)
  }
}

/** Asks for a change, and to wait for it if not too many requests do. */
function getInPlace(id: string, tag: string | null, signal: AbortSignal): Promise<PolledBatch> {
  return inPlace((hasPlace) => getBatch(id, { tag, waitS: hasPlace ? WAIT_S : 0 }, signal))
}
