import type { Statement } from './statement.ts'

/** Which dead letters go: those that fit all that is given. */
export type Purge = {
  /** Null for all. */
  ids: string[] | null
  kind: 'message' | 'task' | null
  olderThanDays: number | null
  /** Whether to leave those that have not been replayed. */
  replayed: boolean
}

/** Who purges, and a new id for the line in `sys_logs` that says so. */
export type Purger = { actor: string; auditId: string }

/**
 * Deletes up to `limit` dead letters, the oldest first. Returns those that went; where any did, it leaves
 * an audit line in `sys_logs`.
 */
export function purgeDeadLetters(
  { ids, kind, olderThanDays, replayed }: Purge,
  limit: number,
  { actor, auditId }: Purger,
): Statement<{ id: string }> {
  return {
    name: 'purge-dead-letters',
    text: PURGE_DEAD_LETTERS,
    params: [ids, kind, olderThanDays, replayed, limit, actor, auditId],
  }
}

const PURGE_DEAD_LETTERS = `
WITH chosen AS MATERIALIZED (
  SELECT d.id FROM dead_letters d
  WHERE ($1::uuid[] IS NULL OR d.id = ANY ($1))
    AND ($2::text IS NULL OR d.kind = $2)
    AND ($3::float8 IS NULL OR d.created_at < now() - $3::float8 * interval '1 day')
    AND (d.replayed_at IS NOT NULL OR NOT $4::boolean)
  ORDER BY d.id LIMIT $5::integer
  FOR UPDATE
), gone AS (
  DELETE FROM dead_letters d USING chosen WHERE d.id = chosen.id
  RETURNING d.id
), audited AS (
  INSERT INTO sys_logs (id, level, source, code, message)
  SELECT $7::uuid, 'audit', 'dlq', 'dead_letters_purged',
    format('%s purged dead letters: %s.', $6::text, count(*))
  FROM gone HAVING count(*) > 0
)
SELECT gone.id FROM gone`
