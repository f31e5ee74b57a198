import type { Batch } from '../contract/http-api.ts'
import { BATCH_AS_JSON } from './as-json.ts'
import type { Statement } from './statement.ts'

/** A batch as stored; the gateway adds when to poll again. */
export type StoredBatch = Omit<Batch, 'poll_after_ms'>

/** One of an owner's batches with its results; no row where there is none. */
export function findBatch(owner: string, batchId: string): Statement<{ batch: StoredBatch }> {
  return {
    name: 'find-batch',
    text: `SELECT ${BATCH_AS_JSON} AS batch FROM batches b WHERE b.owner = $1 AND b.id = $2::uuid`,
    params: [owner, batchId],
  }
}
