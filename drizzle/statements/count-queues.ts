import { TaskStatus } from '../contract/task-status.ts'
import type { Statement } from './statement.ts'

export type QueueRow = {
  family: string
  waiting: number
  running: number
  /** How long ago the oldest of those that were counted was submitted, in seconds. */
  oldest_waiting_s: number | null
}

/**
 * How many tasks of each family wait, how many run, and since when the oldest waits. Looks at `limit`
 * of each at most, those rung longest ago first: a backlog costs no more than that.
 */
export function countQueues(families: readonly string[], limit: number): Statement<QueueRow> {
  return { name: 'count-queues', text: COUNT_QUEUES, params: [families, limit] }
}

const COUNT_QUEUES = `
WITH running AS MATERIALIZED (
  SELECT t.family FROM tasks t WHERE t.status = ${TaskStatus.PROCESSING} LIMIT $2::integer
)
SELECT f.family, queue.waiting, queue.oldest_waiting_s,
  (SELECT count(*)::integer FROM running WHERE running.family = f.family) AS running
FROM unnest($1::text[]) WITH ORDINALITY AS f (family, position)
CROSS JOIN LATERAL (
  SELECT count(*)::integer AS waiting,
    extract(epoch FROM now() - min(pending.created_at))::float8 AS oldest_waiting_s
  FROM (
    SELECT t.created_at FROM tasks t
    WHERE t.status = ${TaskStatus.PENDING} AND t.family = f.family
    ORDER BY t.rung_at LIMIT $2::integer
  ) pending
) queue
ORDER BY f.position`
