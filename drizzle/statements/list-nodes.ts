import { stateOfNode } from './node-state.ts'
import { isoUtc, type Statement } from './statement.ts'

export type NodeRow = {
  id: string
  family: string
  url: string
  kind: string
  self_registered: boolean
  status: string
  /** What a claim does with it: see `stateOfNode`. */
  state: string
  capacity: number
  /** How many tasks hold it. */
  load: number
  weight: number
  error_count: number
  retry_at: string | null
  last_heartbeat_at: string
}

/** Up to `limit` nodes, by family and address, each with its load. */
export function listNodes(limit: number): Statement<NodeRow> {
  return { name: 'list-nodes', text: LIST_NODES, params: [limit] }
}

const LIST_NODES = `
WITH node AS MATERIALIZED (
  SELECT * FROM gemini_service_nodes ORDER BY family, url LIMIT $1::integer
)
SELECT n.id, n.family, n.url, n.kind, n.self_registered, n.status, ${stateOfNode('n')} AS state,
  n.capacity, coalesce(load.tasks, 0)::integer AS load, n.weight, n.error_count,
  ${isoUtc('n.retry_at')} AS retry_at, ${isoUtc('n.last_heartbeat_at')} AS last_heartbeat_at
FROM node n
LEFT JOIN loads_of_nodes(ARRAY(SELECT id FROM node)) load ON load.node_id = n.id
ORDER BY n.family, n.url`
