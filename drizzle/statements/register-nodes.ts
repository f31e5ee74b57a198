import type { Statement } from './statement.ts'

/** One backend that can serve a family. `url` names it and holds no secret. */
export type NewNode = { id: string; family: string; url: string; kind: string; capacity: number }

/**
 * Makes the rows of nodes that stand in a worker's settings, and notes for all that they are used.
 * Returns the ids in the order given; what is known of a node (its errors, its rest) stays, and of
 * one that registers itself what it says of itself.
 */
export function registerNodes(nodes: NewNode[]): Statement<{ id: string }> {
  return {
    name: 'register-nodes',
    text: REGISTER_NODES,
    params: [
      nodes.map(({ id }) => id),
      nodes.map(({ family }) => family),
      nodes.map(({ url }) => url),
      nodes.map(({ kind }) => kind),
      nodes.map(({ capacity }) => capacity),
    ],
  }
}

const REGISTER_NODES = `
WITH node AS MATERIALIZED (
  SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::integer[])
    WITH ORDINALITY AS n (id, family, url, kind, capacity, position)
), known AS MATERIALIZED (
  SELECT n.id FROM gemini_service_nodes n JOIN node ON node.family = n.family AND node.url = n.url
  ORDER BY n.id FOR NO KEY UPDATE OF n
), kept AS (
  INSERT INTO gemini_service_nodes AS kept (id, family, url, kind, capacity, status)
  SELECT id, family, url, kind, capacity, 'HEALTHY' FROM node
  WHERE (SELECT count(*) FROM known) >= 0 ORDER BY family, url
  ON CONFLICT (family, url) DO UPDATE SET last_heartbeat_at = now(),
    capacity = CASE WHEN kept.self_registered THEN kept.capacity ELSE excluded.capacity END
  RETURNING kept.id, kept.family, kept.url
)
SELECT kept.id FROM node JOIN kept USING (family, url) ORDER BY node.position`
