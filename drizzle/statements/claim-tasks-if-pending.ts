import type { FileRef } from '../contract/file-ref.ts'
import type { Mode } from '../contract/models.ts'
import { TaskStatus } from '../contract/task-status.ts'
import { choicesNoted, nodesChosen, nodesLocked } from './choose-nodes.ts'
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
  /** Whether this process has asked before and has not heard the answer. */
  again: boolean
}

export type Holder = {
  workerId: string
  workerKey: bigint
  /** Whether `workerKey` is held as a session lock at this moment. */
  watched: boolean
  leaseMs: number
  nodes: KnownNodes
  gate: Gate
}

/** The nodes that a worker can call. A family without any is claimed for without a node. */
export type KnownNodes = {
  /** Those of its settings. */
  ids: string[]
  /** Whether it also calls those that have registered themselves. */
  discover: boolean
}

/** What a claim does where no node has room. */
export type Gate = {
  /** How long the one call that tries a node whose circuit is open keeps others from trying, in ms. */
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
  /** The address of the node, as in its row. */
  node_url: string | null
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
  /** Of the request that asked for it. */
  request_id: string
  history: Turn[]
}

/**
 * One row a message, in the order given. `unknown` (no such task), `future` (a fence that the task
 * has not reached) and `stray` (a task of another family) are the marks of a bad message; `stale` is
 * what a late or doubled one finds. `waiting`: no node has room, and the task was put off for
 * `wait_ms`. `room`: how many more tasks the nodes of the family have room for; null where it has none.
 */
export type ClaimVerdict = { room: number | null } & (
  | { verdict: 'claimed'; task: ClaimedTask; wait_ms: null }
  | { verdict: 'waiting'; task: null; wait_ms: number }
  | { verdict: 'stale' | 'unknown' | 'future' | 'stray'; task: null; wait_ms: null }
)

/**
 * Takes the tasks that are PENDING, due, and still at the message's fence: PENDING → PROCESSING, each
 * on a node that has room. One that asks `again` also gets what its unheard claim took. Where no node
 * has room, tasks are put off; one that has waited for too long is claimed to be failed.
 *
 * The nodes are locked first, and what they hold is counted after that (`loads_of_nodes`), so that no
 * two claims give the same room away. The tasks are found by primary key alone and judged once
 * locked: with a predicate on the status in the search, cold statistics made the planner read the
 * whole backlog.
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
      holder.nodes.ids,
      holder.nodes.discover,
      holder.gate.probeMs,
      holder.gate.waitMs,
    ],
  }
}

const NODES = { families: '$8', ids: '$11', discover: '$12', probeMs: '$13' }

const CLAIM_TASKS_IF_PENDING = `
WITH RECURSIVE message AS MATERIALIZED (
  SELECT * FROM unnest($1::uuid[], $2::integer[], $3::integer[], $4::integer[], $8::text[],
    $9::boolean[]) WITH ORDINALITY
    AS m (task_id, fence, history_turns, history_characters, family, again, position)
), ${nodesLocked(NODES)}, seen AS MATERIALIZED (
  SELECT t.id, t.fence, t.family, t.conversation_id, t.slot, t.status, t.run_after, t.worker_key,
    t.waiting_since, t.failures, t.node_id
  FROM tasks t
  WHERE t.id = ANY ($1::uuid[]) AND (SELECT count(*) FROM node) >= 0
  ORDER BY t.id FOR UPDATE
), winner AS MATERIALIZED (
  SELECT DISTINCT ON (seen.id) seen.*, message.position,
    seen.status = ${TaskStatus.PROCESSING} AS unheard
  FROM seen JOIN message ON message.task_id = seen.id AND message.family = seen.family
  WHERE (seen.status = ${TaskStatus.PENDING} AND seen.fence = message.fence
      AND seen.run_after <= now())
    OR (message.again AND seen.status = ${TaskStatus.PROCESSING}
      AND seen.fence = message.fence + 1 AND seen.worker_key = $6::bigint)
  ORDER BY seen.id, message.position
), ${nodesChosen(NODES)}, judged AS MATERIALIZED (
  SELECT winner.*, pick.probe, pick.routed, pick.turn IS NOT NULL AND pick.node_id IS NULL AS gated,
    CASE WHEN winner.unheard THEN winner.node_id ELSE pick.node_id END AS chosen_id,
    winner.waiting_since < now() - $14::integer * interval '1 ms' AS overdue
  FROM winner LEFT JOIN pick ON pick.task_id = winner.id
), through AS MATERIALIZED (
  SELECT * FROM judged WHERE NOT gated OR overdue
), ${choicesNoted(NODES)}, claimed AS (
  UPDATE tasks t SET
    status = ${TaskStatus.PROCESSING}, fence = t.fence + (NOT l.unheard)::integer,
    attempt = t.attempt + (NOT l.unheard)::integer,
    worker_id = $5, worker_key = $6::bigint, watched = $10, node_id = l.chosen_id,
    waiting_since = NULL, lease_expires_at = now() + $7::integer * interval '1 ms',
    started_at = now()
  FROM through l WHERE t.id = l.id
  RETURNING t.*, l.position AS claimed_by, l.gated AS hopeless, l.probe IS TRUE AS probe
), put_off AS (
  UPDATE tasks t SET run_after = coalesce(look.at, now() + interval '10 s'), rung_at = NULL,
    waiting_since = coalesce(t.waiting_since, now())
  FROM judged
  LEFT JOIN LATERAL (
    SELECT min(p.look_at) AS at FROM place p WHERE p.family = judged.family
  ) look ON true
  WHERE t.id = judged.id AND NOT EXISTS (SELECT FROM through l WHERE l.id = judged.id)
  RETURNING t.id, judged.position AS put_off_by, t.run_after
), rest AS MATERIALIZED (
  SELECT place.family, sum(greatest(place.capacity - last.loads[place.ordinal], 0)) AS room
  FROM place CROSS JOIN (SELECT loads FROM pick ORDER BY turn DESC LIMIT 1) last
  WHERE place.state = 'open' GROUP BY place.family
)
SELECT
  CASE WHEN claimed.id IS NOT NULL THEN 'claimed'
    WHEN put_off.id IS NOT NULL THEN 'waiting'
    WHEN seen.id IS NULL THEN 'unknown'
    WHEN message.family <> seen.family THEN 'stray'
    WHEN message.fence > seen.fence THEN 'future'
    ELSE 'stale' END AS verdict,
  (extract(epoch FROM put_off.run_after - now()) * 1000)::float8 AS wait_ms,
  CASE WHEN $12::boolean OR message.family IN (SELECT family FROM place)
    THEN coalesce(rest.room, 0)::integer END AS room,
  CASE WHEN claimed.id IS NOT NULL THEN jsonb_build_object(
    'id', claimed.id, 'fence', claimed.fence, 'attempt', claimed.attempt,
    'failures', claimed.failures, 'deaths', claimed.deaths, 'child_deaths', claimed.child_deaths,
    'hopeless', claimed.hopeless, 'node_id', claimed.node_id, 'node_url', place.url,
    'probe', claimed.probe,
    'node_troubled', coalesce(place.status IN ('OFFLINE', '429_LIMIT') OR place.error_count > 0, false),
    'batch_id', claimed.batch_id, 'conversation_id', claimed.conversation_id,
    'owner', claimed.owner, 'model', claimed.model, 'family', claimed.family,
    'slot', claimed.slot, 'mode', b.mode, 'prompt', b.user_prompt,
    'files', ${filesOfBatch('b.id')}, 'system', b.system, 'temperature', b.temperature,
    'max_tokens', b.max_tokens, 'traceparent', b.traceparent, 'request_id', b.request_id,
    'history', coalesce(history.turns, '[]'::jsonb)) END AS task
FROM message
LEFT JOIN seen ON seen.id = message.task_id
LEFT JOIN claimed ON claimed.id = message.task_id AND claimed.claimed_by = message.position
LEFT JOIN put_off ON put_off.id = message.task_id AND put_off.put_off_by = message.position
LEFT JOIN place ON place.id = claimed.node_id
LEFT JOIN rest ON rest.family = message.family
LEFT JOIN batches b ON b.id = claimed.batch_id
LEFT JOIN LATERAL (${HISTORY_OF_TASK}) history ON true
ORDER BY message.position`
