import type { Statement } from './statement.ts'

/** What a node says of itself. `url` holds no secret; `capacity` is in calls at once. */
export type SelfRegistration = {
  id: string
  family: string
  url: string
  capacity: number
  weight: number
  status: 'HEALTHY' | 'BUSY'
}

/**
 * Makes the row of a node that registers itself, or notes that it was heard of. What it says of itself
 * counts for more than what some worker's settings say of it; what calls have shown (an open circuit, a
 * rest) counts for more than both.
 */
export function registerSelf(node: SelfRegistration): Statement<{ id: string; status: string }> {
  return {
    name: 'register-self',
    text: REGISTER_SELF,
    params: [node.id, node.family, node.url, node.capacity, node.weight, node.status],
  }
}

const REGISTER_SELF = `
INSERT INTO gemini_service_nodes AS kept
  (id, family, url, kind, capacity, weight, status, self_registered)
VALUES ($1::uuid, $2, $3, 'self-registered', $4::integer, $5::float8, $6, true)
ON CONFLICT (family, url) DO UPDATE SET
  last_heartbeat_at = now(), self_registered = true,
  capacity = excluded.capacity, weight = excluded.weight,
  status = CASE WHEN kept.status IN ('HEALTHY', 'BUSY') THEN excluded.status ELSE kept.status END
RETURNING kept.id, kept.status`
