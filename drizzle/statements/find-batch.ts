import { BATCH_AS_JSON, type StoredBatch } from './as-json.ts'
import type { Statement } from './statement.ts'
import { type Known, knownParams, NOTHING_KNOWN, seenOf } from './tags.ts'

/**
 * `batch`: null where the reader knows the tag. `overdue`: a task of it waits though it is due, and the
 * workers should look.
 */
export type FoundBatch = {
  tag: string
  ended: boolean
  overdue: boolean
  batch: StoredBatch | null
}

/**
 * One of an owner's batches with its results, made only where the reader does not know them; no row
 * where there is no such batch.
 */
export function findBatch(
  owner: string,
  batchId: string,
  known: Known = NOTHING_KNOWN,
): Statement<FoundBatch> {
  return { name: 'find-batch', text: FIND_BATCH, params: [owner, batchId, ...knownParams(known)] }
}

const FIND_BATCH = `
SELECT seen.tag, seen.ended, seen.overdue,
  CASE WHEN NOT seen.known THEN ${BATCH_AS_JSON} END AS batch
FROM batches b CROSS JOIN ${seenOf('t.batch_id = b.id')}
WHERE b.owner = $1 AND b.id = $2::uuid`
