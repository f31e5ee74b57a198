import { TaskStatus } from '../contract/task-status.ts'

/**
 * The earlier turns that a task's call carries, oldest first, as one JSON array `turns`; to be used
 * LATERAL with the task as `claimed`, its batch as `b`, and its bounds in `message`.
 *
 * Only lower turns, and only answers that had ended before this batch was made, so that a retry
 * sees what the first try saw. A model sees its own answer; where it has none for a turn, the first
 * successful one. A turn without a successful answer leaves no trace. The newest turns that fit
 * both bounds are taken.
 */
export const HISTORY_OF_TASK = `
  SELECT jsonb_agg(
    jsonb_build_object('prompt', fitting.user_prompt, 'answer', fitting.response_text)
    ORDER BY fitting.turn) AS turns
  FROM (
    SELECT recent.turn, recent.user_prompt, recent.response_text,
      sum(length(recent.user_prompt) + length(recent.response_text))
        OVER (ORDER BY recent.turn DESC) AS characters
    FROM (
      SELECT earlier.turn, earlier.user_prompt, answer.response_text
      FROM batches earlier
      CROSS JOIN LATERAL (
        SELECT a.response_text FROM tasks a
        WHERE a.batch_id = earlier.id AND a.status = ${TaskStatus.SUCCESS}
          AND a.finished_at <= b.created_at
        ORDER BY (a.model = claimed.model) DESC, (a.slot = claimed.slot) DESC,
          a.finished_at, a.position
        LIMIT 1
      ) answer
      WHERE earlier.conversation_id = b.conversation_id AND earlier.turn < b.turn
      ORDER BY earlier.turn DESC
      LIMIT message.history_turns
    ) recent
  ) fitting
  WHERE fitting.characters <= message.history_characters`
