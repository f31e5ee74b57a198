import type { FileRef } from '../contract/file-ref.ts'
import type { TaskStatus } from '../contract/task-status.ts'
import { KEYS_KEPT_H } from './forget-old-rows.ts'
import { OBJECT_THAT_COUNTS } from './object-that-counts.ts'
import type { Statement } from './statement.ts'
import { type BrokenLimit, brokenLimit, type SubmitLimits } from './submit-limits.ts'

export type NewTask = {
  id: string
  model: string
  modelName: string
  family: string
  slot: number
}

/** A file that the store has, and perhaps no row yet. */
export type NewFile = {
  id: string
  /** As it is called in this batch. */
  name: string
  objectKey: string
  type: string
  bytes: number
  /** In hexadecimal. */
  sha256: string
}

export type NewBatch = {
  owner: string
  batchId: string
  conversationId: string
  /** Whether the conversation is to be made, or must be there already and be the owner's. */
  conversationIsNew: boolean
  title: string
  prompt: string
  mode: string
  system: string | null
  temperature: number | null
  maxTokens: number | null
  traceparent: string
  /** Of the request; it is written with every log line about the tasks. */
  requestId: string
  idempotencyKey: string
  fingerprint: string
  tasks: NewTask[]
  /** The files that the owner has and names by their ids; they come before the new ones. */
  named: FileRef[]
  files: NewFile[]
  limits: SubmitLimits
}

/** One row a task, in order. No row at all: there is no such conversation of this owner. */
export type SubmittedTask = {
  /** Where it is set, nothing was stored: this is the only row, and it has nothing else. */
  refused: BrokenLimit | null
  batch_id: string
  conversation_id: string
  fingerprint: string
  /** False when this key had been used before: then the rows are those of the first submit. */
  fresh: boolean
  task_id: string
  fence: number
  status: TaskStatus
  /** Keys of objects that no row will ever name; the same in each row. */
  unused: string[]
}

/** The SQLSTATE by which a submit fails whole where a file that it names has been forgotten. */
export const NAMED_FILE_GONE = '23502'

/**
 * Stores conversation, batch, tasks and files in one statement, or finds what an earlier submit with
 * the same key stored in the last 24 h; an older key counts as none. It may be repeated with the same ids
 * when its outcome is unknown. A limit that is broken refuses it, unless the key is known.
 *
 * What the owner has by content already keeps its row, and its object unless that was lost. Of a batch
 * that is another's, none of these objects is used. A repeat of the very same submit may not see yet
 * what the first one stored: it calls unused only what another object stands for.
 *
 * A file that is named stands among the uploads, without an object, so that all are locked in one order.
 * Where its row is gone, it would make one without an object: then it has no place, and all fails.
 *
 * The rows of keys and files are taken by DO UPDATE: with DO NOTHING the second caller of a race would
 * see no row. The locks are taken in the order conversation, key, files by hash; batch and tasks are
 * new and nobody else's.
 */
export function submitBatch(batch: NewBatch): Statement<SubmittedTask> {
  const files = [...batch.named.map(withoutObject), ...batch.files]
  return {
    name: 'submit-batch',
    text: SUBMIT_BATCH,
    params: [
      batch.owner,
      batch.idempotencyKey,
      batch.fingerprint,
      batch.batchId,
      batch.conversationId,
      batch.tasks.map(({ id }) => id),
      batch.conversationIsNew,
      batch.title,
      batch.prompt,
      batch.mode,
      batch.system,
      batch.temperature,
      batch.maxTokens,
      batch.traceparent,
      batch.tasks.map(({ model }) => model),
      batch.tasks.map(({ modelName }) => modelName),
      batch.tasks.map(({ family }) => family),
      batch.tasks.map(({ slot }) => slot),
      files.map(({ id }) => id),
      files.map(({ name }) => name),
      files.map(({ objectKey }) => objectKey),
      files.map(({ type }) => type),
      files.map(({ bytes }) => bytes),
      files.map(({ sha256 }) => sha256),
      batch.requestId,
      batch.limits.openTasks,
      batch.limits.queueDepth,
    ],
  }
}

function withoutObject({ file_id, ...file }: FileRef): NewFile {
  return { ...file, id: file_id, objectKey: '' }
}

const LIMITS = { owner: '$1', families: '$17', openTasks: '$26', queueDepth: '$27' }
const KEY_KEPT = `k.created_at >= now() - interval '${KEYS_KEPT_H} h'`

/** A key that is kept stays as it is; one that has outlived is taken over whole. */
const KEY_THAT_COUNTS = ['fingerprint', 'batch_id', 'conversation_id', 'task_ids', 'created_at']
  .map((column) => `${column} = CASE WHEN ${KEY_KEPT} THEN k.${column} ELSE excluded.${column} END`)
  .join(',\n    ')

const SUBMIT_BATCH = `
WITH upload AS MATERIALIZED (
  SELECT * FROM unnest($19::uuid[], $20::text[], $21::text[], $22::text[], $23::bigint[], $24::text[])
    WITH ORDINALITY AS u (id, name, object_key, type, bytes, sha256, position)
), owned AS MATERIALIZED (
  SELECT c.id FROM conversations c
  WHERE c.id = $5::uuid AND c.owner = $1 AND NOT $7::boolean
  FOR UPDATE
), gate AS MATERIALIZED (
  SELECT CASE
    WHEN EXISTS (SELECT FROM idempotency_keys k WHERE k.owner = $1 AND k.key = $2 AND ${KEY_KEPT})
      THEN NULL
    ELSE ${brokenLimit(LIMITS)} END AS refused
), key AS (
  INSERT INTO idempotency_keys AS k (owner, key, fingerprint, batch_id, conversation_id, task_ids)
  SELECT $1, $2, $3, $4::uuid, $5::uuid, $6::uuid[]
  FROM gate
  WHERE gate.refused IS NULL AND ($7::boolean OR EXISTS (SELECT FROM owned))
  ON CONFLICT (owner, key) DO UPDATE SET
    ${KEY_THAT_COUNTS}
  RETURNING k.fingerprint, k.batch_id, k.conversation_id, k.task_ids,
    k.created_at = now() AND k.batch_id = $4::uuid AS fresh
), continued AS (
  UPDATE conversations c SET turns = c.turns + 1, updated_at = now()
  FROM owned, key
  WHERE c.id = owned.id AND key.fresh
  RETURNING c.id, c.turns
), created AS (
  INSERT INTO conversations (id, owner, title, turns)
  SELECT key.conversation_id, $1, $8, 1 FROM key
  WHERE key.fresh AND $7::boolean
  RETURNING id, turns
), conversation AS (
  SELECT id, turns FROM continued UNION ALL SELECT id, turns FROM created
), batch AS (
  INSERT INTO batches (id, conversation_id, owner, turn, user_prompt, mode, system, temperature,
    max_tokens, traceparent, request_id, total_tasks, open_tasks)
  SELECT $4::uuid, conversation.id, $1, conversation.turns, $9, $10, $11, $12::float8,
    $13::integer, $14, $25, cardinality($6::uuid[]), cardinality($6::uuid[])
  FROM conversation
  RETURNING id, conversation_id
), task AS (
  INSERT INTO tasks (id, batch_id, conversation_id, owner, position, model, model_name, family, slot)
  SELECT t.id, batch.id, batch.conversation_id, $1, t.position, t.model, t.model_name, t.family, t.slot
  FROM batch, unnest($6::uuid[], $15::text[], $16::text[], $17::text[], $18::smallint[])
    WITH ORDINALITY AS t (id, model, model_name, family, slot, position)
  RETURNING id
), file AS (
  INSERT INTO files AS f (id, owner, sha256, type, bytes, object_key, uploaded_name)
  SELECT DISTINCT ON (u.sha256) u.id, $1, u.sha256, u.type, u.bytes, u.object_key, u.name
  FROM upload u, batch
  ORDER BY u.sha256, u.object_key = '', u.position
  ON CONFLICT (owner, sha256) DO UPDATE SET unused_since = NULL,${OBJECT_THAT_COUNTS}
  RETURNING f.id, f.sha256, f.object_key
), placed AS (
  INSERT INTO batch_files (batch_id, file_id, position, name)
  SELECT batch.id, CASE WHEN file.object_key <> '' THEN file.id END, u.position, u.name
  FROM batch, upload u JOIN file ON file.sha256 = u.sha256
), known_file AS (
  SELECT sha256, object_key FROM file UNION ALL
  SELECT f.sha256, f.object_key FROM files f JOIN upload u ON u.sha256 = f.sha256
  WHERE f.owner = $1 AND f.lost_at IS NULL AND NOT EXISTS (SELECT FROM file)
)
SELECT gate.refused, key.batch_id, key.conversation_id, key.fingerprint, key.fresh,
  listed.id AS task_id, coalesce(known.fence, 0) AS fence, coalesce(known.status, 0) AS status,
  ARRAY(SELECT u.object_key FROM upload u
    WHERE u.object_key <> '' AND (key.batch_id <> $4::uuid OR EXISTS (SELECT FROM known_file k
      WHERE k.sha256 = u.sha256 AND k.object_key <> u.object_key))
    ORDER BY u.position) AS unused
FROM gate
LEFT JOIN key ON true
LEFT JOIN LATERAL unnest(key.task_ids) WITH ORDINALITY AS listed (id, position) ON true
LEFT JOIN tasks known ON known.id = listed.id AND NOT key.fresh
WHERE gate.refused IS NOT NULL OR NOT key.fresh OR EXISTS (SELECT FROM task)
ORDER BY listed.position`
