import type { Batch, File, Result, Task } from '../contract/http-api.ts'
import { TaskStatus } from '../contract/task-status.ts'
import { storedFilesOfBatch, storedFilesOfTask } from './files-in-place.ts'
import { isoUtc } from './statement.ts'

/** A file as stored; the gateway adds where it is to be had. */
export type StoredFile = Omit<File, 'url'>

type Stored<Answer extends { files: File[] }> = Omit<Answer, 'files'> & { files: StoredFile[] }

/** A task as stored; the gateway adds the URLs of its files. */
export type StoredTask = Stored<Task>

/** A batch as stored; the gateway adds the URLs of its files, and when to poll again. */
export type StoredBatch = Omit<Stored<Batch>, 'poll_after_ms' | 'results'> & {
  results: Stored<Result>[]
}

const RESULT_FIELDS = `
  'task_id', t.id, 'model', t.model, 'slot', t.slot, 'model_name', t.model_name,
  'status', t.status,
  'response_text', coalesce(t.response_text, nullif(p.response_text, '')),
  'reasoning_text', coalesce(t.reasoning_text, nullif(p.reasoning_text, '')),
  'error_code', t.error_code, 'error_msg', t.error_msg,
  'cost_time', round(extract(epoch FROM t.finished_at - t.started_at), 3),
  'usage', t.usage, 'finish_reason', t.finish_reason,
  'answered_by', t.answered_by, 'first_token_ms', t.first_token_ms,
  'reasoning_ms', t.reasoning_ms,
  'created_at', ${isoUtc('t.created_at')}, 'started_at', ${isoUtc('t.started_at')},
  'finished_at', ${isoUtc('t.finished_at')}, 'files', ${storedFilesOfTask('t.id')}`

/** The rows that the JSON of a task is made from: the task `t` and its text so far, `p`. */
export const TASK_AND_PARTIAL = `tasks t LEFT JOIN task_partials p
  ON p.task_id = t.id AND p.fence = t.fence AND t.status = ${TaskStatus.PROCESSING}`

/** SQL for a task in the shape of StoredTask. */
export const TASK_AS_JSON = `json_build_object(${RESULT_FIELDS},
  'batch_id', t.batch_id, 'conversation_id', t.conversation_id)`

/** SQL for the batch row `b` in the shape of StoredBatch. */
export const BATCH_AS_JSON = `json_build_object(
  'batch_id', b.id, 'conversation_id', b.conversation_id, 'status', b.status,
  'user_prompt', b.user_prompt, 'mode', b.mode, 'chosen_task_id', b.chosen_task_id,
  'files', ${storedFilesOfBatch('b.id')},
  'created_at', ${isoUtc('b.created_at')}, 'finished_at', ${isoUtc('b.finished_at')},
  'results', (SELECT json_agg(json_build_object(${RESULT_FIELDS}) ORDER BY t.position)
    FROM ${TASK_AND_PARTIAL} WHERE t.batch_id = b.id))`
