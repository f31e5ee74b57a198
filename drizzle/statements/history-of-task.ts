import { TaskStatus } from '../contract/task-status.ts'
import { bytesOfTexts, filesOfBatch, filesOfTask } from './files-in-place.ts'

/**
 * The earlier turns that a task's call carries, oldest first, as one JSON array `turns`; to be used
 * LATERAL with the task as `claimed`, its batch as `b`, and its bounds in `message`.
 *
 * Only lower turns, and only answers that had ended before this batch was made, so that a retry
 * sees what the first try saw. Of a turn every model sees the answer that the user chose
 * (choose-answer-if-newest.ts); else its own; where it has none, the first successful one. A turn without a successful answer leaves no trace. The newest turns that fit
 * both bounds are taken, text files counted in, as they stand in the prompt.
 *
 * Where something must be left out, it is left out in steps: the first turn is that one, of the older
 * half of what fits, before whose number the roundest binary number lies (the bits in which a turn
 * and the one before it differ say how round). It stays the first until it no longer fits or a rounder
 * one comes up, so that most prompts begin as the last one did, which a provider's cache goes by. The
 * first of all has none before it: where it fits, nothing is left out.
 */
export const HISTORY_OF_TASK = `
  WITH recent AS MATERIALIZED (
    SELECT earlier.turn, earlier.user_prompt, answer.response_text,
      earlier.id AS batch_id, answer.id AS task_id, ${bytesOfTexts('earlier.id')} AS text_bytes
    FROM batches earlier
    CROSS JOIN LATERAL (
      SELECT a.id, a.response_text FROM tasks a
      WHERE a.batch_id = earlier.id AND a.status = ${TaskStatus.SUCCESS}
        AND a.finished_at <= b.created_at
      ORDER BY (a.id = earlier.chosen_task_id) IS TRUE DESC,
        (a.model = claimed.model) DESC, (a.slot = claimed.slot) DESC,
        a.finished_at, a.position
      LIMIT 1
    ) answer
    WHERE earlier.conversation_id = b.conversation_id AND earlier.turn < b.turn
    ORDER BY earlier.turn DESC
    LIMIT message.history_turns + 1
  ), sized AS (
    SELECT *, row_number() OVER newest AS back,
      sum(length(user_prompt) + length(response_text) + text_bytes) OVER newest AS characters,
      turn # lead(turn) OVER newest AS roundness
    FROM recent WINDOW newest AS (ORDER BY turn DESC)
  ), fitting AS MATERIALIZED (
    SELECT *, count(*) OVER () AS fit FROM sized
    WHERE back <= message.history_turns AND characters <= message.history_characters
  )
  SELECT jsonb_agg(
    jsonb_build_object('prompt', f.user_prompt, 'files', ${filesOfBatch('f.batch_id')},
      'answer', f.response_text, 'made', ${filesOfTask('f.task_id')})
    ORDER BY f.turn) AS turns
  FROM fitting f
  WHERE f.turn >= (
    SELECT first.turn FROM fitting first WHERE first.back > first.fit / 2
    ORDER BY first.roundness DESC NULLS FIRST, first.turn LIMIT 1)`
