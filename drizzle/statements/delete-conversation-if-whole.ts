import { TaskStatus } from '../contract/task-status.ts'
import type { Statement } from './statement.ts'

/**
 * `deleted` is false where the conversation grew while it was being locked: to be tried again.
 * `running`: the tasks that were PROCESSING, whose workers may have been saving text.
 */
export type Deletion = { deleted: boolean; running: string[] }

/**
 * Deletes one of an owner's conversations and all that is only for it: batches, tasks, partial texts,
 * dead letters, routes, idempotency keys, and the files that nothing else of the owner uses. Their
 * objects are doomed: the caller has the store let go of them. No row: there is no such conversation.
 *
 * Locked are tasks, dead letters, batches, conversation, keys, files by hash. A submit may go first once
 * the conversation is waited for: then there is a turn that this statement does not see, and it deletes
 * nothing. A batch that begins to use a file at the same moment refuses it (SQLSTATE 23503).
 */
export function deleteConversationIfWhole(owner: string, id: string): Statement<Deletion> {
  return {
    name: 'delete-conversation-if-whole',
    text: DELETE_CONVERSATION_IF_WHOLE,
    params: [owner, id],
  }
}

/** SQL for the ids in a CTE: an array, so that rows are found by their indexes. */
const ids = (cte: string) => `ANY (ARRAY(SELECT ${cte}.id FROM ${cte}))`

/** SQL for whether the file `f` has no place in `places` but those of the rows in `own`. */
const onlyIn = (places: string, column: string, own: string) =>
  `NOT EXISTS (SELECT FROM ${places} place
      WHERE place.file_id = f.id AND NOT place.${column} = ${ids(own)})`

// A file that waits for a prompt does so from now on. One who sees its old places and would call it used
// (forget-unused-files.ts) passes it by then, as its mark is new.
const DELETE_CONVERSATION_IF_WHOLE = `
WITH seen AS MATERIALIZED (
  SELECT t.id, t.status FROM tasks t
  WHERE t.batch_id IN (SELECT b.id FROM batches b
    WHERE b.owner = $1 AND b.conversation_id = $2::uuid)
  ORDER BY t.id FOR UPDATE
), letter AS MATERIALIZED (
  SELECT d.id FROM dead_letters d WHERE d.task_id = ${ids('seen')} AND d.kind = 'task'
  ORDER BY d.id FOR UPDATE
), turn AS MATERIALIZED (
  SELECT b.id, b.turn FROM batches b
  WHERE b.owner = $1 AND b.conversation_id = $2::uuid AND (SELECT count(*) FROM letter) >= 0
  ORDER BY b.id FOR UPDATE
), conversation AS MATERIALIZED (
  SELECT c.id, c.turns FROM conversations c
  WHERE c.owner = $1 AND c.id = $2::uuid AND (SELECT count(*) FROM turn) >= 0
  FOR UPDATE
), whole AS MATERIALIZED (
  SELECT c.id FROM conversation c WHERE c.turns = (SELECT max(turn.turn) FROM turn)
), batch AS MATERIALIZED (
  SELECT turn.id FROM turn CROSS JOIN whole
), task AS MATERIALIZED (
  SELECT seen.id FROM seen CROSS JOIN whole
), key AS (
  DELETE FROM idempotency_keys k USING whole WHERE k.conversation_id = whole.id
  RETURNING k.key
), file AS MATERIALIZED (
  SELECT f.id, f.unused_since FROM files f
  WHERE f.id = ANY (ARRAY(
      SELECT p.file_id FROM batch_files p WHERE p.batch_id = ${ids('batch')} UNION
      SELECT p.file_id FROM task_files p WHERE p.task_id = ${ids('task')}))
    AND ${onlyIn('batch_files', 'batch_id', 'batch')}
    AND ${onlyIn('task_files', 'task_id', 'task')}
    AND (SELECT count(*) FROM key) >= 0
  ORDER BY f.sha256 FOR UPDATE
), partial AS (
  DELETE FROM task_partials p WHERE p.task_id = ${ids('task')}
), buried AS (
  DELETE FROM dead_letters d USING letter CROSS JOIN whole WHERE d.id = letter.id
), placed AS (
  DELETE FROM batch_files p WHERE p.batch_id = ${ids('batch')}
), made AS (
  DELETE FROM task_files p WHERE p.task_id = ${ids('task')}
), gone AS (
  DELETE FROM files f USING file WHERE f.id = file.id AND file.unused_since IS NULL
  RETURNING f.object_key
), waiting AS (
  UPDATE files f SET unused_since = now()
  FROM file WHERE f.id = file.id AND file.unused_since IS NOT NULL
), doomed AS (
  INSERT INTO doomed_objects (object_key) SELECT gone.object_key FROM gone
  ON CONFLICT (object_key) DO NOTHING
), removed AS (
  DELETE FROM conversations c USING whole WHERE c.id = whole.id RETURNING c.id
)
SELECT EXISTS (SELECT FROM removed) AS deleted,
  ARRAY(SELECT seen.id FROM seen WHERE seen.status = ${TaskStatus.PROCESSING}) AS running
FROM conversation`
