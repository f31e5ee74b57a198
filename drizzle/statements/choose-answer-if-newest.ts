import { TaskStatus } from '../contract/task-status.ts'
import type { Statement } from './statement.ts'

/**
 * What became of a choice: `chosen`, or why not. `foreign`: the task is none of this batch.
 * `unanswered`: it has no answer. `past`: the conversation has gone on, and its later turns have seen
 * what they have seen.
 */
export type Choice = { verdict: 'chosen' | 'foreign' | 'unanswered' | 'past' }

/**
 * Makes the answer of a task, while its batch is the newest of its conversation, the one that later
 * turns see, whichever model they ask; null takes the choice back. No row: there is no such batch of
 * this owner.
 *
 * The conversation is locked, as by a submit: a turn is either before the choice or after it. An answer
 * that is there stays, so that its task needs no lock.
 */
export function chooseAnswerIfNewest(
  owner: string,
  batchId: string,
  taskId: string | null,
): Statement<Choice> {
  return {
    name: 'choose-answer-if-newest',
    text: CHOOSE_ANSWER_IF_NEWEST,
    params: [owner, batchId, taskId],
  }
}

const CHOOSE_ANSWER_IF_NEWEST = `
WITH batch AS MATERIALIZED (
  SELECT b.id, b.turn, b.conversation_id FROM batches b
  WHERE b.owner = $1 AND b.id = $2::uuid FOR UPDATE
), conversation AS MATERIALIZED (
  SELECT c.turns FROM conversations c
  WHERE c.id = ANY (ARRAY(SELECT batch.conversation_id FROM batch)) FOR UPDATE
), judged AS MATERIALIZED (
  SELECT batch.id, CASE
    WHEN $3::uuid IS NOT NULL AND t.id IS NULL THEN 'foreign'
    WHEN t.status <> ${TaskStatus.SUCCESS} THEN 'unanswered'
    WHEN conversation.turns <> batch.turn THEN 'past'
    ELSE 'chosen' END AS verdict
  FROM batch CROSS JOIN conversation
  LEFT JOIN tasks t ON t.id = $3::uuid AND t.batch_id = batch.id
), noted AS (
  UPDATE batches b SET chosen_task_id = $3::uuid, version = b.version + 1
  FROM judged
  WHERE b.id = judged.id AND judged.verdict = 'chosen'
    AND b.chosen_task_id IS DISTINCT FROM $3::uuid
)
SELECT judged.verdict FROM judged`
