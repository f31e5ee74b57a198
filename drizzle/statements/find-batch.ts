import { BATCH_AS_JSON, type StoredBatch, TASK_AND_PARTIAL } from './as-json.ts'
import { OVERDUE } from './overdue.ts'
import type { Statement } from './statement.ts'
import { isKnown, type Known, knownParams, NOTHING_KNOWN, TAG_OF_BATCH } from './tags.ts'

/**
 * `batch`: null where the tag is one that the reader knows. `overdue`: a task of it waits though it is
 * due, and the workers should look.
 */
export type FoundBatch = {
  tag: string
  ended: boolean
  batch: StoredBatch | null
  overdue: boolean
}

/**
 * One of an owner's batches with its results; no row where there is none. Where the reader knows its
 * state, the results are not even looked at: that reads a row of the batch, and one and its text's
 * version for each task, by their keys.
 */
export function findBatch(
  owner: string,
  batchId: string,
  known: Known = NOTHING_KNOWN,
): Statement<FoundBatch> {
  return { name: 'find-batch', text: FIND_BATCH, params: [owner, batchId, ...knownParams(known)] }
}

const FIND_BATCH = `
SELECT seen.tag, b.open_tasks = 0 AS ended, seen.overdue,
  CASE WHEN NOT ${isKnown('seen.tag')} THEN ${BATCH_AS_JSON} END AS batch
FROM batches b CROSS JOIN LATERAL (
  SELECT ${TAG_OF_BATCH} AS tag, bool_or(${OVERDUE}) AS overdue
  FROM ${TASK_AND_PARTIAL} WHERE t.batch_id = b.id
) seen
WHERE b.owner = $1 AND b.id = $2::uuid`
