import { TaskStatus } from '../contract/task-status.ts'
import type { Held } from './renew-leases-if-held.ts'
import type { Statement } from './statement.ts'

export type Partial = Held & { responseText: string; reasoningText: string }

/**
 * Keeps the text that there is so far, where readers find it. Returns the tasks whose text was kept.
 * Waits for nobody: the text of a task that is locked at the moment, as by its finish, is left out.
 *
 * The lock lets no text be saved behind a finish, and no lease wait to be renewed. A call's first text
 * can still stay behind the finish that waited for it, which does not see the new row: readers look at
 * the fence and the status, and the sweep forgets it.
 *
 * Each save raises the version of the text by one, so that two saves of one moment differ too.
 */
export function savePartialsIfHeld(partials: Partial[]): Statement<{ task_id: string }> {
  return {
    name: 'save-partials-if-held',
    text: SAVE_PARTIALS_IF_HELD,
    params: [
      partials.map(({ taskId }) => taskId),
      partials.map(({ fence }) => fence),
      partials.map(({ responseText }) => responseText),
      partials.map(({ reasoningText }) => reasoningText),
    ],
  }
}

const SAVE_PARTIALS_IF_HELD = `
WITH partial AS MATERIALIZED (
  SELECT * FROM unnest($1::uuid[], $2::integer[], $3::text[], $4::text[])
    AS p (task_id, fence, response_text, reasoning_text)
), seen AS MATERIALIZED (
  SELECT t.id, t.fence, t.status FROM tasks t
  WHERE t.id = ANY ($1::uuid[])
  FOR KEY SHARE SKIP LOCKED
)
INSERT INTO task_partials AS kept (task_id, fence, response_text, reasoning_text)
SELECT partial.task_id, partial.fence, partial.response_text, partial.reasoning_text
FROM partial JOIN seen ON seen.id = partial.task_id AND seen.fence = partial.fence
WHERE seen.status = ${TaskStatus.PROCESSING}
ON CONFLICT (task_id) DO UPDATE SET fence = excluded.fence, updated_at = now(),
  version = kept.version + 1,
  response_text = excluded.response_text, reasoning_text = excluded.reasoning_text
RETURNING task_id`
