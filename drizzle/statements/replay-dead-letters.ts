import { MODEL_FAMILIES } from '../contract/models.ts'
import type { ReplayRefusal } from '../contract/replay-refusal.ts'
import { TaskStatus } from '../contract/task-status.ts'
import type { Unrung } from './release-tasks-if-held.ts'
import { RING_OF_REOPENED, reopenTasks } from './reopen-tasks.ts'
import { WHOLE_PAYLOAD_BYTES } from './save-dead-messages.ts'
import type { Statement } from './statement.ts'

/** A dead letter to replay, and a new id for the line in `sys_logs` that says so. */
export type Replay = { letterId: string; auditId: string }

export type Replayer = {
  /** Who replays: for the audit line. */
  actor: string
  /** Whether Redis is there. Without it a message is not replayed; a task is rung by a sweep. */
  canRing: boolean
}

/** One row a dead letter, in the order given. What was replayed is to be rung by the caller. */
export type ReplayVerdict =
  | { letter_id: string; verdict: 'task'; ring: Unrung; message: null; newer: null }
  | {
      letter_id: string
      verdict: 'message'
      ring: null
      /** The flat list of the fields, as JSON, and the stream that they stood in. */
      message: { stream: string; payload: string }
      newer: null
    }
  | {
      letter_id: string
      verdict: ReplayRefusal
      ring: null
      message: null
      newer: string | null
    }

/**
 * What is to be rung after a replay: each task once, though two dead letters of one task name it twice,
 * and the messages as entries, each a flat list of fields.
 */
export function toRing(verdicts: ReplayVerdict[]): {
  tasks: Unrung[]
  entries: { stream: string; fields: string[] }[]
  /** The dead letters of the entries. */
  letterIds: string[]
} {
  const tasks = new Map(verdicts.flatMap(({ ring }) => (ring ? [[ring.task_id, ring]] : [])))
  const entries = verdicts.flatMap(({ message }) =>
    message ? [{ stream: message.stream, fields: JSON.parse(message.payload) as string[] }] : [],
  )
  const letterIds = verdicts.flatMap(({ message, letter_id }) => (message ? [letter_id] : []))
  return { tasks: [...tasks.values()], entries, letterIds }
}

/**
 * Replays dead letters. Of a task: FAILED → PENDING at a new fence with fresh counts, its batch open
 * again, and all its dead letters marked as replayed. Of a message: marked only, the caller adds it
 * to its stream. Every replay leaves an audit line in `sys_logs`.
 */
export function replayDeadLetters(
  replays: Replay[],
  { actor, canRing }: Replayer,
): Statement<ReplayVerdict> {
  return {
    name: 'replay-dead-letters',
    text: REPLAY_DEAD_LETTERS,
    params: [
      replays.map(({ letterId }) => letterId),
      replays.map(({ auditId }) => auditId),
      actor,
      canRing,
      MODEL_FAMILIES.map(({ stream }) => stream),
    ],
  }
}

// The locks are taken in the order tasks, dead letters, batches: the count of the tasks makes sure
// that they come first, which an OR alone may put off. Other statements lock dead letters alone.
const REPLAY_DEAD_LETTERS = `
WITH asked AS MATERIALIZED (
  SELECT * FROM unnest($1::uuid[], $2::uuid[])
    WITH ORDINALITY AS a (letter_id, audit_id, position)
), seen AS MATERIALIZED (
  SELECT t.id, t.status FROM tasks t
  WHERE t.id = ANY (ARRAY(SELECT d.task_id FROM dead_letters d
    WHERE d.id = ANY ($1::uuid[]) AND d.kind = 'task'))
  ORDER BY t.id FOR UPDATE
), letter AS MATERIALIZED (
  SELECT d.id, d.kind, d.source, d.payload, d.task_id, d.replayed_at, d.created_at
  FROM dead_letters d
  WHERE (SELECT count(*) FROM seen) >= 0 AND (d.id = ANY ($1::uuid[])
    OR d.task_id = ANY (ARRAY(SELECT seen.id FROM seen)) AND d.kind = 'task')
  ORDER BY d.id FOR UPDATE
), judged AS MATERIALIZED (
  SELECT asked.letter_id, asked.audit_id, asked.position, letter.kind, letter.task_id,
    letter.source, letter.payload, newer.id AS newer,
    CASE WHEN letter.id IS NULL THEN 'unknown'
      WHEN letter.kind = 'message' THEN CASE
        WHEN letter.source <> ALL ($5::text[]) THEN 'no_stream'
        WHEN octet_length(letter.payload) > ${WHOLE_PAYLOAD_BYTES}
          OR letter.payload NOT LIKE '["%"]' THEN 'cut'
        WHEN NOT $4::boolean THEN 'no_redis'
        ELSE 'message' END
      WHEN seen.id IS NULL THEN 'gone'
      WHEN seen.status = ${TaskStatus.SUCCESS} THEN 'succeeded'
      WHEN seen.status = ${TaskStatus.CANCELLED} THEN 'cancelled'
      WHEN seen.status <> ${TaskStatus.FAILED} THEN 'open'
      WHEN newer.id IS NOT NULL THEN 'replayed_before'
      ELSE 'task' END AS verdict
  FROM asked
  LEFT JOIN letter ON letter.id = asked.letter_id
  LEFT JOIN seen ON seen.id = letter.task_id
  LEFT JOIN LATERAL (
    SELECT other.id FROM letter other
    WHERE other.task_id = letter.task_id AND other.replayed_at IS NULL
      AND letter.replayed_at IS NOT NULL
    ORDER BY other.created_at DESC, other.id DESC LIMIT 1
  ) newer ON true
), ${reopenTasks("seen.id IN (SELECT judged.task_id FROM judged WHERE judged.verdict = 'task')")}, marked AS (
  UPDATE dead_letters d SET replayed_at = now()
  FROM letter
  WHERE d.id = letter.id AND (
    letter.id IN (SELECT judged.letter_id FROM judged WHERE judged.verdict IN ('task', 'message'))
    OR letter.replayed_at IS NULL AND letter.task_id IN (SELECT reopened.id FROM reopened))
), audited AS (
  INSERT INTO sys_logs (id, level, source, task_id, code, message)
  SELECT judged.audit_id, 'audit', 'dlq', judged.task_id, 'dead_letter_replayed',
    format('%s replayed the dead letter %s.', $3::text, judged.letter_id)
  FROM judged WHERE judged.verdict IN ('task', 'message')
)
SELECT judged.letter_id, judged.verdict,
  CASE WHEN judged.verdict = 'task' THEN ${RING_OF_REOPENED} END AS ring,
  CASE WHEN judged.verdict = 'message' THEN json_build_object('stream', judged.source,
    'payload', judged.payload) END AS message,
  CASE WHEN judged.verdict = 'replayed_before' THEN judged.newer END AS newer
FROM judged
LEFT JOIN reopened ON reopened.id = judged.task_id
LEFT JOIN batches b ON b.id = reopened.batch_id
ORDER BY judged.position`
