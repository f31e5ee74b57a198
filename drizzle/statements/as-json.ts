import { TaskStatus } from '../contract/task-status.ts'
import { isoUtc } from './statement.ts'

const RESULT_FIELDS = `
  'task_id', t.id, 'model', t.model, 'slot', t.slot, 'model_name', t.model_name,
  'status', t.status,
  'response_text', coalesce(t.response_text, nullif(p.response_text, '')),
  'reasoning_text', coalesce(t.reasoning_text, nullif(p.reasoning_text, '')),
  'error_code', t.error_code, 'error_msg', t.error_msg,
  'cost_time', round(extract(epoch FROM t.finished_at - t.started_at), 3),
  'usage', t.usage, 'finish_reason', t.finish_reason,
  'created_at', ${isoUtc('t.created_at')}, 'started_at', ${isoUtc('t.started_at')},
  'finished_at', ${isoUtc('t.finished_at')}, 'files', '[]'::json`

/** The rows that the JSON of a task is made from: the task `t` and its text so far, `p`. */
export const TASK_AND_PARTIAL = `tasks t LEFT JOIN task_partials p
  ON p.task_id = t.id AND p.fence = t.fence AND t.status = ${TaskStatus.PROCESSING}`

/** SQL for a task in the shape of the contract's Task. */
export const TASK_AS_JSON = `json_build_object(${RESULT_FIELDS},
  'batch_id', t.batch_id, 'conversation_id', t.conversation_id)`

/** SQL for the batch row `b` in the shape of the contract's Batch, but for `poll_after_ms`. */
export const BATCH_AS_JSON = `json_build_object(
  'batch_id', b.id, 'conversation_id', b.conversation_id, 'status', b.status,
  'user_prompt', b.user_prompt, 'mode', b.mode, 'files', '[]'::json,
  'created_at', ${isoUtc('b.created_at')}, 'finished_at', ${isoUtc('b.finished_at')},
  'results', (SELECT json_agg(json_build_object(${RESULT_FIELDS}) ORDER BY t.position)
    FROM ${TASK_AND_PARTIAL} WHERE t.batch_id = b.id))`
