import { type StoredTask, TASK_AND_PARTIAL, TASK_AS_JSON } from './as-json.ts'
import { OVERDUE } from './overdue.ts'
import type { Statement } from './statement.ts'
import {
  isKnown,
  type Known,
  knownParams,
  NOTHING_KNOWN,
  TAG_OF_TASK,
  TASK_HAS_ENDED,
} from './tags.ts'

/**
 * `task`: null where the tag is one that the reader knows. `overdue`: it waits though it is due, and
 * the workers should look.
 */
export type FoundTask = { tag: string; ended: boolean; task: StoredTask | null; overdue: boolean }

/** One of an owner's tasks; no row where there is none. */
export function findTask(
  owner: string,
  taskId: string,
  known: Known = NOTHING_KNOWN,
): Statement<FoundTask> {
  return { name: 'find-task', text: FIND_TASK, params: [owner, taskId, ...knownParams(known)] }
}

const FIND_TASK = `
SELECT seen.tag, ${TASK_HAS_ENDED} AS ended, ${OVERDUE} AS overdue,
  CASE WHEN NOT ${isKnown('seen.tag')} THEN ${TASK_AS_JSON} END AS task
FROM ${TASK_AND_PARTIAL} JOIN batches b ON b.id = t.batch_id
CROSS JOIN LATERAL (SELECT ${TAG_OF_TASK} AS tag) seen
WHERE t.owner = $1 AND t.id = $2::uuid`
