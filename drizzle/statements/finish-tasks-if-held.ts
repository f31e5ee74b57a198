import type { Usage } from '../contract/http-api.ts'
import type { TaskErrorCode } from '../contract/task-error-code.ts'
import { TaskStatus } from '../contract/task-status.ts'
import { nodeAwaited } from './node-state.ts'
import { settleBatches } from './settle-batches.ts'
import type { Statement } from './statement.ts'

/** A file as stored for the owner of the task. */
export type MadeFile = { fileId: string; name: string }

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
  reasoningMs: number | null
  /** The pictures that the model made, in order. */
  files: MadeFile[]
  /** What it adds to the counts of the task: a failure, or the death of its own child process. */
  counts: 'failure' | 'child_death' | null
  /** A new id for the dead letter of a task that FAILED, which cannot be stored without one. */
  deadLetterId: string | null
}

/** `node_awaited`: another task of its family waits for the room that this one has left. */
export type Finished = { id: string; fence: number; family: string; node_awaited: boolean }

/**
 * Stores outcomes and moves the batches: PROCESSING → SUCCESS | FAILED, only while the fence is the
 * holder's. A task that FAILED leaves a dead letter, of ids and counts only. Returns those that were
 * still held; an outcome that is missing there is to be dropped.
 */
export function finishTasksIfHeld(outcomes: Outcome[]): Statement<Finished> {
  const made = outcomes.flatMap(({ taskId, fence, files }) =>
    files.map((file, i) => ({ taskId, fence, position: i + 1, ...file })),
  )
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
      outcomes.map(({ reasoningMs }) => reasoningMs),
      outcomes.map(({ counts }) => counts),
      outcomes.map(({ deadLetterId }) => deadLetterId),
      made.map(({ taskId }) => taskId),
      made.map(({ fence }) => fence),
      made.map(({ position }) => position),
      made.map(({ fileId }) => fileId),
      made.map(({ name }) => name),
    ],
  }
}

/**
 * SQL for what a dead letter says of the task `f`. The name of a model is the user's own text: it is
 * cut, as all of it must stay within 4 KB however the characters are escaped.
 */
const TASK_AS_PAYLOAD = `json_build_object('batch_id', f.batch_id,
    'conversation_id', f.conversation_id, 'model', left(f.model, 200), 'slot', f.slot,
    'fence', f.fence, 'failures', f.failures, 'deaths', f.deaths, 'child_deaths', f.child_deaths,
    'attempt', f.attempt, 'worker_id', f.worker_id)::text`

const FINISH_TASKS_IF_HELD = `
WITH outcome AS MATERIALIZED (
  SELECT * FROM unnest($1::uuid[], $2::integer[], $3::smallint[], $4::text[], $5::text[],
    $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::integer[],
    $12::integer[], $13::text[], $14::uuid[])
    AS o (task_id, fence, status, response_text, reasoning_text, error_code, error_msg, usage,
      finish_reason, answered_by, first_token_ms, reasoning_ms, counts, dead_letter_id)
), seen AS MATERIALIZED (
  SELECT t.id, t.fence, t.status FROM tasks t
  WHERE t.id = ANY ($1::uuid[])
  ORDER BY t.id FOR UPDATE
), finished AS (
  UPDATE tasks t SET
    status = o.status, lease_expires_at = NULL, finished_at = now(),
    failures = t.failures + coalesce((o.counts = 'failure')::integer, 0),
    deaths = t.deaths + coalesce((o.counts = 'child_death')::integer, 0),
    child_deaths = t.child_deaths + coalesce((o.counts = 'child_death')::integer, 0),
    response_text = o.response_text, reasoning_text = o.reasoning_text,
    error_code = o.error_code, error_msg = o.error_msg, usage = o.usage::jsonb,
    finish_reason = o.finish_reason, answered_by = o.answered_by,
    first_token_ms = o.first_token_ms, reasoning_ms = o.reasoning_ms
  FROM seen JOIN outcome o ON o.task_id = seen.id AND o.fence = seen.fence
  WHERE t.id = seen.id AND seen.status = ${TaskStatus.PROCESSING}
  RETURNING t.id, t.fence, t.batch_id, seen.status AS old_status, t.status AS new_status,
    t.conversation_id, t.family, t.model, t.slot, t.attempt, t.failures, t.deaths, t.child_deaths,
    t.worker_id, t.error_code, t.error_msg, o.dead_letter_id
), ${settleBatches('finished')}, unneeded AS (
  DELETE FROM task_partials p USING finished WHERE p.task_id = finished.id
), kept AS (
  INSERT INTO task_files (task_id, position, file_id, name)
  SELECT f.id, made.position, made.file_id, made.name
  FROM unnest($15::uuid[], $16::integer[], $17::smallint[], $18::uuid[], $19::text[])
    AS made (task_id, fence, position, file_id, name)
  JOIN finished f ON f.id = made.task_id AND f.fence = made.fence
), buried AS (
  INSERT INTO dead_letters (id, kind, source, original_id, task_id, payload, error_code, error_msg)
  SELECT f.dead_letter_id, 'task', f.family, f.id::text, f.id, ${TASK_AS_PAYLOAD}, f.error_code,
    f.error_msg
  FROM finished f WHERE f.new_status = ${TaskStatus.FAILED}
)
SELECT f.id, f.fence, f.family, ${nodeAwaited('f.family')} AS node_awaited FROM finished f`
