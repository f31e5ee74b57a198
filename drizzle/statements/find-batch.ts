import { BATCH_AS_JSON, type StoredBatch } from './as-json.ts'
import { OVERDUE } from './overdue.ts'
import type { Statement } from './statement.ts'

/** `overdue`: a task of it waits though it is due, and the workers should look. */
export type FoundBatch = { batch: StoredBatch; overdue: boolean }

/** One of an owner's batches with its results; no row where there is none. */
export function findBatch(owner: string, batchId: string): Statement<FoundBatch> {
  return { name: 'find-batch', text: FIND_BATCH, params: [owner, batchId] }
}

const FIND_BATCH = `
SELECT ${BATCH_AS_JSON} AS batch,
  EXISTS (SELECT FROM tasks t WHERE t.batch_id = b.id AND ${OVERDUE}) AS overdue
FROM batches b WHERE b.owner = $1 AND b.id = $2::uuid`
