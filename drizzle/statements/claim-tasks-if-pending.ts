import { TaskStatus } from '../contract/task-status.ts'
import { HISTORY_OF_TASK } from './history-of-task.ts'
import type { Statement } from './statement.ts'

export type Claim = {
  taskId: string
  fence: number
  /** The family in whose stream the message stood. */
  family: string
  /** How much of the conversation the call may carry. */
  history: { turns: number; characters: number }
}

export type Holder = { workerId: string; workerKey: bigint; leaseMs: number }

/** One earlier turn of the conversation, as the model is to see it. */
export type Turn = { prompt: string; answer: string }

/** All that a call needs; `fence` is the new one, which is the proof of being its holder. */
export type ClaimedTask = {
  id: string
  fence: number
  attempt: number
  batch_id: string
  conversation_id: string
  model: string
  family: string
  slot: number
  prompt: string
  system: string | null
  temperature: number | null
  max_tokens: number | null
  traceparent: string
  history: Turn[]
}

/**
 * One row a message, in the order given. `unknown` (no such task), `future` (a fence that the task
 * has not reached) and `stray` (a task of another family) are the marks of a bad message; `stale` is
 * what a late or doubled one finds.
 */
export type ClaimVerdict =
  | { verdict: 'claimed'; task: ClaimedTask }
  | { verdict: 'stale' | 'unknown' | 'future' | 'stray'; task: null }

/**
 * Takes the tasks that are PENDING, due, and still at the message's fence: PENDING → PROCESSING.
 *
 * The rows are found by primary key alone and judged once locked: with a predicate on the status in
 * the search, cold statistics made the planner read the whole backlog.
 */
export function claimTasksIfPending(claims: Claim[], holder: Holder): Statement<ClaimVerdict> {
  return {
    name: 'claim-tasks-if-pending',
    text: CLAIM_TASKS_IF_PENDING,
    params: [
      claims.map(({ taskId }) => taskId),
      claims.map(({ fence }) => fence),
      claims.map(({ history }) => history.turns),
      claims.map(({ history }) => history.characters),
      holder.workerId,
      String(holder.workerKey),
      holder.leaseMs,
      claims.map(({ family }) => family),
    ],
  }
}

const CLAIM_TASKS_IF_PENDING = `
WITH message AS MATERIALIZED (
  SELECT * FROM unnest($1::uuid[], $2::integer[], $3::integer[], $4::integer[], $8::text[])
    WITH ORDINALITY AS m (task_id, fence, history_turns, history_characters, family, position)
), seen AS MATERIALIZED (
  SELECT t.id, t.fence, t.family, t.status, t.run_after FROM tasks t
  WHERE t.id = ANY ($1::uuid[])
  ORDER BY t.id FOR UPDATE
), winner AS MATERIALIZED (
  SELECT DISTINCT ON (seen.id) seen.id, message.position
  FROM seen JOIN message ON message.task_id = seen.id AND message.fence = seen.fence
    AND message.family = seen.family
  WHERE seen.status = ${TaskStatus.PENDING} AND seen.run_after <= now()
  ORDER BY seen.id, message.position
), claimed AS (
  UPDATE tasks t SET
    status = ${TaskStatus.PROCESSING}, fence = t.fence + 1, attempt = t.attempt + 1,
    worker_id = $5, worker_key = $6::bigint, waiting_since = NULL,
    lease_expires_at = now() + $7::integer * interval '1 ms', started_at = now()
  FROM winner WHERE t.id = winner.id
  RETURNING t.*, winner.position AS claimed_by
)
SELECT
  CASE WHEN claimed.id IS NOT NULL THEN 'claimed'
    WHEN seen.id IS NULL THEN 'unknown'
    WHEN message.family <> seen.family THEN 'stray'
    WHEN message.fence > seen.fence THEN 'future'
    ELSE 'stale' END AS verdict,
  CASE WHEN claimed.id IS NOT NULL THEN jsonb_build_object(
    'id', claimed.id, 'fence', claimed.fence, 'attempt', claimed.attempt,
    'batch_id', claimed.batch_id, 'conversation_id', claimed.conversation_id,
    'model', claimed.model, 'family', claimed.family, 'slot', claimed.slot,
    'prompt', b.user_prompt, 'system', b.system, 'temperature', b.temperature,
    'max_tokens', b.max_tokens, 'traceparent', b.traceparent,
    'history', coalesce(history.turns, '[]'::jsonb)) END AS task
FROM message
LEFT JOIN seen ON seen.id = message.task_id
LEFT JOIN claimed ON claimed.id = message.task_id AND claimed.claimed_by = message.position
LEFT JOIN batches b ON b.id = claimed.batch_id
LEFT JOIN LATERAL (${HISTORY_OF_TASK}) history ON true
ORDER BY message.position`
