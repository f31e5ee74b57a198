import type { Statement } from './statement.ts'

/**
 * How a call went for its node: `ok`, a `fault` of the service, or `rest` where it asked to be left
 * alone for `restMs`. `probe`: it was the one call that tries a node whose circuit is open.
 */
export type NodeCall = {
  nodeId: string
  how: 'ok' | 'fault' | 'rest'
  restMs: number
  probe: boolean
}

export type Breaker = {
  /** How many faults in a row open the circuit. */
  failures: number
  /** How long it stays open, in ms; twice as long after each probe that fails, up to 5 minutes. */
  coolDownMs: number
}

/**
 * The circuit breaker of the nodes, shared by all workers through their rows. Closed (HEALTHY): so
 * many faults in a row open it. Open (OFFLINE until `retry_at`): only the report of a probe counts,
 * which closes it or keeps it open for longer. A node that asked for a rest is left alone for so
 * long (429_LIMIT). Returns the families that may be called again, where they could not before.
 */
export function reportNodeCalls(
  calls: NodeCall[],
  { failures, coolDownMs }: Breaker,
): Statement<{ family: string }> {
  return {
    name: 'report-node-calls',
    text: REPORT_NODE_CALLS,
    params: [
      calls.map(({ nodeId }) => nodeId),
      calls.map(({ how }) => how),
      calls.map(({ restMs }) => Math.round(restMs)),
      calls.map(({ probe }) => probe),
      failures,
      coolDownMs,
    ],
  }
}

const MAX_COOL_DOWN_MS = 300_000

/** How long a circuit with so many errors stays open. The exponent is bounded against overflow. */
const coolDown = (errors: string) =>
  `least($6::integer * power(2, least(${errors} - $5::integer, 20)), ${MAX_COOL_DOWN_MS})
      * interval '1 ms'`

const REPORT_NODE_CALLS = `
WITH call AS MATERIALIZED (
  SELECT node_id,
    count(*) FILTER (WHERE how = 'fault') AS faults,
    count(*) FILTER (WHERE how = 'ok') AS oks,
    max(rest_ms) FILTER (WHERE how = 'rest') AS rest_ms,
    bool_or(probe AND how <> 'fault') AS probe_ok,
    bool_or(probe AND how = 'fault') AS probe_fault
  FROM unnest($1::uuid[], $2::text[], $3::integer[], $4::boolean[])
    AS c (node_id, how, rest_ms, probe)
  GROUP BY node_id
), seen AS MATERIALIZED (
  SELECT n.id, n.status, n.error_count, n.status = 'OFFLINE' AS open,
    CASE WHEN n.status = '429_LIMIT' THEN n.retry_at END AS resting_until
  FROM gemini_service_nodes n
  WHERE n.id = ANY ($1::uuid[])
  ORDER BY n.id FOR UPDATE
), counted AS MATERIALIZED (
  SELECT seen.id, seen.status AS old_status,
    greatest(seen.resting_until, now() + call.rest_ms * interval '1 ms') AS rest_until, CASE
    WHEN seen.open AND call.probe_ok THEN 0
    WHEN seen.open THEN greatest(seen.error_count, $5::integer) + 1
    WHEN call.oks > 0 THEN 0
    ELSE least(seen.error_count + call.faults, $5::integer) END AS errors
  FROM seen JOIN call ON call.node_id = seen.id
  WHERE NOT seen.open OR call.probe_ok OR call.probe_fault
), judged AS MATERIALIZED (
  SELECT *, CASE
    WHEN errors >= $5::integer THEN 'OFFLINE'
    WHEN rest_until > now() THEN '429_LIMIT'
    WHEN old_status = 'BUSY' THEN 'BUSY'
    ELSE 'HEALTHY' END AS new_status
  FROM counted
), reported AS (
  UPDATE gemini_service_nodes n SET
    status = j.new_status, error_count = j.errors,
    retry_at = CASE j.new_status
      WHEN 'OFFLINE' THEN greatest(j.rest_until, now() + ${coolDown('j.errors')})
      WHEN '429_LIMIT' THEN j.rest_until END
  FROM judged j WHERE n.id = j.id
  RETURNING n.family, j.old_status, j.new_status
)
SELECT DISTINCT family FROM reported WHERE new_status = 'HEALTHY' AND old_status <> 'HEALTHY'`
