import { callable, stateOfNode } from './node-state.ts'

/** How long a task waits at most until it is looked at again, where no node has room, in seconds. */
const LOOK_AGAIN_S = 30
/** … and where a node is silent. */
const LOOK_FOR_SILENT_S = 10

type Parameters = Record<'families' | 'ids' | 'discover' | 'probeMs', string>

/** The nodes that the tasks of a claim may go to, locked: first of all locks. */
export const nodesLocked = ({ families, ids, discover }: Parameters) => `node AS MATERIALIZED (
  SELECT n.* FROM gemini_service_nodes n
  WHERE n.family = ANY (${families}::text[]) AND ${callable('n', ids, discover)}
  ORDER BY n.id FOR NO KEY UPDATE
)`

/**
 * CTEs that choose a node for each row of `winner` (id, position, family, conversation_id, slot,
 * failures, node_id: the last one, unheard), among those of `node`, which are locked.
 *
 * One task after another, each after what those before it have taken. A node counts if it has room:
 * fewer tasks than its capacity, or none that tries it while its circuit is open. The node of the
 * other slot is left out, unless there is no other healthy one. Of the rest: not the one where the
 * task has failed; the one of its conversation; one that is to be tried; the least loaded by weight;
 * the one that is behind in new routes (stride scheduling).
 *
 * `place` are the nodes with their state and load; `pick` has, for each task that is bound to have a
 * node, what was chosen, null where there is none, and the loads after it.
 */
export const nodesChosen = ({ discover, probeMs }: Parameters) => `load AS MATERIALIZED (
  SELECT * FROM loads_of_nodes(ARRAY(SELECT id FROM node))
), sibling AS MATERIALIZED (
  SELECT * FROM siblings_of_tasks(ARRAY(SELECT id FROM winner WHERE NOT unheard))
), place AS MATERIALIZED (
  SELECT *, CASE state WHEN 'open' THEN capacity WHEN 'triable' THEN load + 1 ELSE 0 END AS room,
    CASE state WHEN 'resting' THEN coalesce(retry_at, now() + ${probeMs}::integer * interval '1 ms')
      WHEN 'triable' THEN now() + ${probeMs}::integer * interval '1 ms'
      WHEN 'silent' THEN now() + interval '${LOOK_FOR_SILENT_S} s'
      ELSE now() + interval '${LOOK_AGAIN_S} s' END AS look_at
  FROM (
    SELECT node.*, (row_number() OVER (ORDER BY node.id))::integer AS ordinal, coalesce(load.tasks, 0) AS load,
      ${stateOfNode('node')} AS state
    FROM node LEFT JOIN load ON load.node_id = node.id
  ) known
), queue AS MATERIALIZED (
  SELECT w.id, w.family, w.failures, w.node_id AS last_node_id, route.node_id AS route_id,
    sibling.sibling_id, sibling.node_id AS sibling_node_id,
    row_number() OVER (ORDER BY w.position) AS turn
  FROM winner w
  LEFT JOIN conversation_routes route ON route.conversation_id = w.conversation_id
    AND route.family = w.family AND route.slot = w.slot
  LEFT JOIN sibling ON sibling.task_id = w.id
  WHERE NOT w.unheard AND (${discover}::boolean OR w.family IN (SELECT family FROM place))
), pick AS (
  SELECT 0::bigint AS turn, NULL::uuid AS task_id, NULL::uuid AS node_id, false AS probe,
    false AS routed, ARRAY(SELECT load FROM place ORDER BY ordinal) AS loads, '{}'::jsonb AS picked
  UNION ALL
  SELECT q.turn, q.id, chosen.id, chosen.state = 'triable', chosen.id <> q.route_id IS NOT FALSE,
    CASE WHEN chosen.id IS NULL THEN p.loads ELSE p.loads[:chosen.ordinal - 1]
      || p.loads[chosen.ordinal] + 1 || p.loads[chosen.ordinal + 1:] END,
    p.picked || CASE WHEN chosen.id IS NULL THEN '{}'
      ELSE jsonb_build_object(q.id::text, chosen.id) END
  FROM pick p
  JOIN queue q ON q.turn = p.turn + 1
  CROSS JOIN LATERAL (
    SELECT coalesce((p.picked ->> q.sibling_id::text)::uuid, q.sibling_node_id) AS node_id
  ) taken
  LEFT JOIN LATERAL (
    SELECT n.* FROM place n
    WHERE n.family = q.family AND p.loads[n.ordinal] < n.room
      AND (n.id = taken.node_id IS NOT TRUE OR NOT EXISTS (SELECT FROM place other
        WHERE other.family = q.family AND other.id <> n.id AND other.state IN ('open', 'busy')))
    ORDER BY (q.failures > 0 AND n.id = q.last_node_id) IS TRUE, (n.id = q.route_id) IS TRUE DESC,
      n.state = 'triable' DESC, p.loads[n.ordinal] / n.weight, n.pass, n.id
    LIMIT 1
  ) chosen ON true
)`

/**
 * CTEs that note what was chosen for the tasks of `through` (chosen_id, probe, routed): a node that
 * is tried is tried by nobody else until then, and a new route is remembered. A node that was away is
 * one turn behind, and no more.
 */
export const choicesNoted = ({ probeMs }: Parameters) => `noted AS (
  UPDATE gemini_service_nodes n SET
    retry_at = CASE WHEN use.probe THEN now() + ${probeMs}::integer * interval '1 ms'
      ELSE n.retry_at END,
    pass = CASE WHEN use.routes = 0 THEN n.pass ELSE use.routes / n.weight + greatest(n.pass,
      (SELECT min(p.pass) - greatest(max(1 / p.weight), 1 / n.weight) FROM place p
        WHERE p.family = n.family AND p.state = 'open' AND p.id <> n.id)) END
  FROM (
    SELECT chosen_id, bool_or(probe) AS probe, count(*) FILTER (WHERE routed) AS routes
    FROM through GROUP BY chosen_id
  ) use
  WHERE n.id = use.chosen_id AND (use.probe OR use.routes > 0)
), remembered AS (
  INSERT INTO conversation_routes (conversation_id, family, slot, node_id)
  SELECT DISTINCT ON (conversation_id, family, slot) conversation_id, family, slot, chosen_id
  FROM through WHERE routed AND chosen_id IS NOT NULL
  ORDER BY conversation_id, family, slot, position DESC
  ON CONFLICT (conversation_id, family, slot)
    DO UPDATE SET node_id = excluded.node_id, updated_at = now()
)`
