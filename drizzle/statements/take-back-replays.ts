import type { Statement } from './statement.ts'

/** Messages of dead letters that no stream took after all: they count as not replayed. */
export function takeBackReplays(letterIds: string[]): Statement<never> {
  return { name: 'take-back-replays', text: TAKE_BACK_REPLAYS, params: [letterIds] }
}

const TAKE_BACK_REPLAYS = `
WITH letter AS MATERIALIZED (
  SELECT d.id FROM dead_letters d
  WHERE d.id = ANY ($1::uuid[]) AND d.kind = 'message'
  ORDER BY d.id FOR UPDATE
)
UPDATE dead_letters d SET replayed_at = NULL FROM letter WHERE d.id = letter.id`
