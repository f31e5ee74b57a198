import { TaskStatus } from '../contract/task-status.ts'
import type { KnownNodes } from './claim-tasks-if-pending.ts'
import { callable, isUnderWay, stateOfNode } from './node-state.ts'
import type { Statement } from './statement.ts'

/** A task that has waited for a node; what its claim must name. */
export type Waiter = { task_id: string; fence: number }

/**
 * `room`: for how many more tasks a family's nodes have room, those taken here included. `waits`:
 * whether others wait all the same. `rest_ms`: until the first of the nodes that rest may be called
 * again; null where none rests.
 */
export type FamilyRoom = {
  family: string
  room: number
  waits: boolean
  rest_ms: number | null
  waiters: Waiter[]
}

/**
 * Makes due as many of the tasks that wait for a node as there is room for, less those that are on
 * their way already: those that were put off first, so that one that may not go where there is room
 * holds nobody up. And all that have waited for longer than `waitMs`, which their claim will fail. But
 * at most `most` of a family. The caller claims them; where it cannot, they are rung as lost messages
 * are. One row a family, in the order given.
 */
export function takeWaitersIfRoom(
  families: { family: string; most: number }[],
  { nodes, waitMs }: { nodes: KnownNodes; waitMs: number },
): Statement<FamilyRoom> {
  return {
    name: 'take-waiters-if-room',
    text: TAKE_WAITERS_IF_ROOM,
    params: [
      families.map(({ family }) => family),
      nodes.ids,
      nodes.discover,
      families.map(({ most }) => most),
      waitMs,
    ],
  }
}

/** SQL for whether the task `t` has waited for too long. */
const isOverdue = (t: string) => `${t}.waiting_since < now() - $5::integer * interval '1 ms'`

const TAKE_WAITERS_IF_ROOM = `
WITH known AS MATERIALIZED (
  SELECT n.id, n.family, n.capacity, n.retry_at, ${stateOfNode('n')} AS state
  FROM gemini_service_nodes n
  WHERE n.family = ANY ($1::text[]) AND ${callable('n', '$2', '$3')}
), held AS MATERIALIZED (
  SELECT t.node_id, count(*) AS tasks FROM tasks t
  WHERE t.node_id = ANY (ARRAY(SELECT id FROM known)) AND t.status = ${TaskStatus.PROCESSING}
  GROUP BY t.node_id
), room AS MATERIALIZED (
  SELECT asked.family, asked.most, asked.position, coalesce((
    SELECT sum(CASE known.state WHEN 'open' THEN greatest(known.capacity - coalesce(held.tasks, 0), 0)
      WHEN 'triable' THEN 1 ELSE 0 END)
    FROM known LEFT JOIN held ON held.node_id = known.id
    WHERE known.family = asked.family), 0) AS room
  FROM unnest($1::text[], $4::integer[]) WITH ORDINALITY AS asked (family, most, position)
), waiter AS MATERIALIZED (
  SELECT w.id, room.family FROM room CROSS JOIN LATERAL (
    SELECT t.id FROM tasks t
    WHERE t.family = room.family AND t.waiting_since IS NOT NULL AND NOT ${isUnderWay('t')}
    ORDER BY (${isOverdue('t')}) DESC, t.run_after, t.id
    LIMIT least(room.most, greatest(
      room.room - (SELECT count(*) FROM tasks u
        WHERE u.family = room.family AND u.waiting_since IS NOT NULL AND ${isUnderWay('u')}),
      (SELECT count(*) FROM tasks o
        WHERE o.family = room.family AND ${isOverdue('o')} AND NOT ${isUnderWay('o')})))
    FOR UPDATE SKIP LOCKED
  ) w
), due AS (
  UPDATE tasks t SET run_after = now(), rung_at = now() FROM waiter w WHERE t.id = w.id
  RETURNING t.id, t.fence, t.family, t.waiting_since
)
SELECT room.family, room.room::integer AS room,
  EXISTS (SELECT FROM tasks t WHERE t.family = room.family AND t.waiting_since IS NOT NULL
    AND t.id NOT IN (SELECT id FROM waiter)) AS waits,
  (SELECT extract(epoch FROM min(known.retry_at) - now()) * 1000 FROM known
    WHERE known.family = room.family AND known.state = 'resting')::float8 AS rest_ms,
  coalesce((SELECT jsonb_agg(jsonb_build_object('task_id', due.id, 'fence', due.fence)
    ORDER BY due.waiting_since, due.id) FROM due WHERE due.family = room.family),
    '[]'::jsonb) AS waiters
FROM room ORDER BY room.position`
