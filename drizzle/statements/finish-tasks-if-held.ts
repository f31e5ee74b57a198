import type { Usage } from '../contract/http-api.ts'
import type { TaskErrorCode } from '../contract/task-error-code.ts'
import { TaskStatus } from '../contract/task-status.ts'
import { settleBatches } from './settle-batches.ts'
import type { Statement } from './statement.ts'

/** How a call ended. Texts must be free of NUL and lone surrogates. */
export type Outcome = {
  taskId: string
  fence: number
  status: typeof TaskStatus.SUCCESS | typeof TaskStatus.FAILED
  responseText: string | null
  reasoningText: string | null
  errorCode: TaskErrorCode | null
  errorMsg: string | null
  usage: Usage | null
  finishReason: string | null
  answeredBy: string | null
  firstTokenMs: number | null
}

/**
 * Stores outcomes and moves the batches: PROCESSING → SUCCESS | FAILED, only while the fence is the
 * holder's. Returns those that were still held; an outcome that is missing there is to be dropped.
 */
export function finishTasksIfHeld(outcomes: Outcome[]): Statement<{ id: string; fence: number }> {
  return {
    name: 'finish-tasks-if-held',
    text: FINISH_TASKS_IF_HELD,
    params: [
      outcomes.map(({ taskId }) => taskId),
      outcomes.map(({ fence }) => fence),
      outcomes.map(({ status }) => status),
      outcomes.map(({ responseText }) => responseText),
      outcomes.map(({ reasoningText }) => reasoningText),
      outcomes.map(({ errorCode }) => errorCode),
      outcomes.map(({ errorMsg }) => errorMsg),
      outcomes.map(({ usage }) => (usage ? JSON.stringify(usage) : null)),
      outcomes.map(({ finishReason }) => finishReason),
      outcomes.map(({ answeredBy }) => answeredBy),
      outcomes.map(({ firstTokenMs }) => firstTokenMs),
    ],
  }
}

const FINISH_TASKS_IF_HELD = `
WITH outcome AS MATERIALIZED (
  SELECT * FROM unnest($1::uuid[], $2::integer[], $3::smallint[], $4::text[], $5::text[],
    $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::integer[])
    AS o (task_id, fence, status, response_text, reasoning_text, error_code, error_msg, usage,
      finish_reason, answered_by, first_token_ms)
), seen AS MATERIALIZED (
  SELECT t.id, t.fence, t.status FROM tasks t
  WHERE t.id = ANY ($1::uuid[])
  ORDER BY t.id FOR UPDATE
), finished AS (
  UPDATE tasks t SET
    status = o.status, lease_expires_at = NULL, finished_at = now(),
    response_text = o.response_text, reasoning_text = o.reasoning_text,
    error_code = o.error_code, error_msg = o.error_msg, usage = o.usage::jsonb,
    finish_reason = o.finish_reason, answered_by = o.answered_by,
    first_token_ms = o.first_token_ms
  FROM seen JOIN outcome o ON o.task_id = seen.id AND o.fence = seen.fence
  WHERE t.id = seen.id AND seen.status = ${TaskStatus.PROCESSING}
  RETURNING t.id, t.fence, t.batch_id, seen.status AS old_status, t.status AS new_status
), ${settleBatches('finished')}, unneeded AS (
  DELETE FROM task_partials p USING finished WHERE p.task_id = finished.id
)
SELECT id, fence FROM finished`
