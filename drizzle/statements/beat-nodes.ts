import type { Statement } from './statement.ts'

/** Notes that these nodes were heard of now. Returns those whose row is still there. */
export function beatNodes(ids: string[]): Statement<{ id: string }> {
  return { name: 'beat-nodes', text: BEAT_NODES, params: [ids] }
}

const BEAT_NODES = `
WITH node AS MATERIALIZED (
  SELECT n.id FROM gemini_service_nodes n WHERE n.id = ANY ($1::uuid[])
  ORDER BY n.id FOR NO KEY UPDATE
)
UPDATE gemini_service_nodes n SET last_heartbeat_at = now() FROM node WHERE n.id = node.id
RETURNING n.id`
