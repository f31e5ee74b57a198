import type { FileRef } from '../contract/file-ref.ts'
import type { Mode } from '../contract/models.ts'
import { TaskStatus } from '../contract/task-status.ts'
import { filesOfBatch } from './files-in-place.ts'
import { HISTORY_OF_TASK } from './history-of-task.ts'
import type { Statement } from './statement.ts'

export type Claim = {
  taskId: string
  fence: number
  /** The family in whose stream the message stood. */
  family: string
  /** How much of the conversation the call may carry. */
  history: { turns: number; characters: number }
  /** The node that would be called; null where the family has none that is known. */
  nodeId: string | null
  /** Whether this process has asked before and has not heard the answer. */
  again: boolean
}

export type Holder = {
  workerId: string
  workerKey: bigint
  /** Whether `workerKey` is held as a session lock at this moment. */
  watched: boolean
  leaseMs: number
  gate: Gate
}

/** What a claim knows of nodes whose circuit is open. */
export type Gate = {
  /** How long the one call that tries such a node keeps others from trying, in ms. */
  probeMs: number
  /** For how long a task waits for a node before it is claimed as `hopeless`, in ms. */
  waitMs: number
}

/** One earlier turn of the conversation, as the model is to see it; `made` came with the answer. */
export type Turn = { prompt: string; files: FileRef[]; answer: string; made: FileRef[] }

/** All that a call needs; `fence` is the new one, which is the proof of being its holder. */
export type ClaimedTask = {
  id: string
  fence: number
  attempt: number
  failures: number
  deaths: number
  child_deaths: number
  /** It has waited for a node for too long: it is claimed only to be failed. */
  hopeless: boolean
  node_id: string | null
  /** It is the one call that tries a node whose circuit is open. */
  probe: boolean
  /** The node has had faults, or rested: it is to hear of a success. */
  node_troubled: boolean
  batch_id: string
  conversation_id: string
  owner: string
  model: string
  family: string
  slot: number
  mode: Mode
  prompt: string
  files: FileRef[]
  system: string | null
  temperature: number | null
  max_tokens: number | null
  traceparent: string
  history: Turn[]
}

/**
 * One row a message, in the order given. `unknown` (no such task), `future` (a fence that the task
 * has not reached) and `stray` (a task of another family) are the marks of a bad message; `stale` is
 * what a late or doubled one finds. `waiting`: the node may not be called, and the task was put off
 * for `wait_ms`.
 */
export type ClaimVerdict =
  | { verdict: 'claimed'; task: ClaimedTask; wait_ms: null }
  | { verdict: 'waiting'; task: null; wait_ms: number }
  | { verdict: 'stale' | 'unknown' | 'future' | 'stray'; task: null; wait_ms: null }

/**
 * Takes the tasks that are PENDING, due, and still at the message's fence: PENDING → PROCESSING. One
 * that asks `again` also gets what its unheard claim took. Where a node rests or its circuit is open,
 * its tasks are put off; once its time is up, one of them alone is let through to try it. Such a node
 * is locked, so that whoever makes it free again sees all that was put off before.
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
      claims.map(({ again }) => again),
      holder.watched,
      claims.map(({ nodeId }) => nodeId),
      holder.gate.probeMs,
      holder.gate.waitMs,
    ],
  }
}

const CLAIM_TASKS_IF_PENDING = `
WITH message AS MATERIALIZED (
  SELECT * FROM unnest($1::uuid[], $2::integer[], $3::integer[], $4::integer[], $8::text[],
    $9::boolean[], $11::uuid[]) WITH ORDINALITY
    AS m (task_id, fence, history_turns, history_characters, family, again, node_id, position)
), troubled AS MATERIALIZED (
  SELECT n.id FROM gemini_service_nodes n
  WHERE n.id = ANY ($11::uuid[]) AND (n.status <> 'HEALTHY' OR n.error_count > 0)
), gate AS MATERIALIZED (
  SELECT n.id, n.retry_at, (n.retry_at <= now()) IS TRUE AS triable
  FROM gemini_service_nodes n
  WHERE n.id = ANY ($11::uuid[])
    AND (n.status = 'OFFLINE' OR n.status <> 'HEALTHY' AND n.retry_at > now())
  ORDER BY n.id FOR UPDATE
), seen AS MATERIALIZED (
  SELECT t.id, t.fence, t.family, t.status, t.run_after, t.worker_key, t.waiting_since FROM tasks t
  WHERE t.id = ANY ($1::uuid[]) AND (SELECT count(*) FROM gate) >= 0
  ORDER BY t.id FOR UPDATE
), winner AS MATERIALIZED (
  SELECT DISTINCT ON (seen.id) seen.id, message.position, message.node_id, seen.waiting_since,
    seen.status = ${TaskStatus.PROCESSING} AS unheard
  FROM seen JOIN message ON message.task_id = seen.id AND message.family = seen.family
  WHERE (seen.status = ${TaskStatus.PENDING} AND seen.fence = message.fence
      AND seen.run_after <= now())
    OR (message.again AND seen.status = ${TaskStatus.PROCESSING}
      AND seen.fence = message.fence + 1 AND seen.worker_key = $6::bigint)
  ORDER BY seen.id, message.position
), judged AS MATERIALIZED (
  SELECT winner.*, troubled.id IS NOT NULL AS troubled, gate.triable,
    gate.id IS NOT NULL AND NOT winner.unheard AS gated,
    winner.waiting_since < now() - $13::integer * interval '1 ms' AS overdue,
    row_number() OVER (PARTITION BY winner.node_id, winner.unheard ORDER BY winner.position) AS rank,
    CASE WHEN gate.retry_at > now() THEN gate.retry_at
      ELSE now() + $12::integer * interval '1 ms' END AS retry_at
  FROM winner
  LEFT JOIN troubled ON troubled.id = winner.node_id
  LEFT JOIN gate ON gate.id = winner.node_id
), let_through AS MATERIALIZED (
  SELECT *, gated AND triable AND rank = 1 AS probe,
    gated AND NOT (triable AND rank = 1) AS hopeless
  FROM judged WHERE NOT gated OR overdue OR (triable AND rank = 1)
), probed AS (
  UPDATE gemini_service_nodes n SET retry_at = now() + $12::integer * interval '1 ms'
  FROM let_through l WHERE n.id = l.node_id AND l.probe
), claimed AS (
  UPDATE tasks t SET
    status = ${TaskStatus.PROCESSING}, fence = t.fence + (NOT l.unheard)::integer,
    attempt = t.attempt + (NOT l.unheard)::integer,
    worker_id = $5, worker_key = $6::bigint, watched = $10, node_id = l.node_id,
    waiting_since = NULL, lease_expires_at = now() + $7::integer * interval '1 ms',
    started_at = now()
  FROM let_through l WHERE t.id = l.id
  RETURNING t.*, l.position AS claimed_by, l.hopeless, l.probe, l.troubled
), put_off AS (
  UPDATE tasks t SET run_after = judged.retry_at, rung_at = NULL,
    waiting_since = coalesce(t.waiting_since, now())
  FROM judged
  WHERE t.id = judged.id AND NOT EXISTS (SELECT FROM let_through l WHERE l.id = judged.id)
  RETURNING t.id, judged.position AS put_off_by, judged.retry_at
)
SELECT
  CASE WHEN claimed.id IS NOT NULL THEN 'claimed'
    WHEN put_off.id IS NOT NULL THEN 'waiting'
    WHEN seen.id IS NULL THEN 'unknown'
    WHEN message.family <> seen.family THEN 'stray'
    WHEN message.fence > seen.fence THEN 'future'
    ELSE 'stale' END AS verdict,
  (extract(epoch FROM put_off.retry_at - now()) * 1000)::float8 AS wait_ms,
  CASE WHEN claimed.id IS NOT NULL THEN jsonb_build_object(
    'id', claimed.id, 'fence', claimed.fence, 'attempt', claimed.attempt,
    'failures', claimed.failures, 'deaths', claimed.deaths, 'child_deaths', claimed.child_deaths,
    'hopeless', claimed.hopeless, 'node_id', claimed.node_id, 'probe', claimed.probe,
    'node_troubled', claimed.troubled,
    'batch_id', claimed.batch_id, 'conversation_id', claimed.conversation_id,
    'owner', claimed.owner, 'model', claimed.model, 'family', claimed.family,
    'slot', claimed.slot, 'mode', b.mode, 'prompt', b.user_prompt,
    'files', ${filesOfBatch('b.id')}, 'system', b.system, 'temperature', b.temperature,
    'max_tokens', b.max_tokens, 'traceparent', b.traceparent,
    'history', coalesce(history.turns, '[]'::jsonb)) END AS task
FROM message
LEFT JOIN seen ON seen.id = message.task_id
LEFT JOIN claimed ON claimed.id = message.task_id AND claimed.claimed_by = message.position
LEFT JOIN put_off ON put_off.id = message.task_id AND put_off.put_off_by = message.position
LEFT JOIN batches b ON b.id = claimed.batch_id
LEFT JOIN LATERAL (${HISTORY_OF_TASK}) history ON true
ORDER BY message.position`
