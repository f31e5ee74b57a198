/** A node that has not been heard of for so long is not there, in seconds (spec C2). */
export const SILENT_AFTER_S = 30

/**
 * SQL for what a claim may do with the node `n`: `open` to calls, `busy` by its own word, `resting`
 * until `retry_at`, `triable` by one call (its circuit is open, and the time has come), or `silent`.
 */
export const stateOfNode = (n: string) => `CASE
    WHEN ${n}.last_heartbeat_at < now() - interval '${SILENT_AFTER_S} s' THEN 'silent'
    WHEN ${n}.status = 'OFFLINE' AND ${n}.retry_at <= now() THEN 'triable'
    WHEN ${n}.status = 'OFFLINE' OR ${n}.status = '429_LIMIT' AND ${n}.retry_at > now() THEN 'resting'
    WHEN ${n}.status = 'BUSY' THEN 'busy'
    ELSE 'open' END`

/** SQL for whether a holder may call the node `n`. */
export const callable = (n: string, ids: string, discover: string) =>
  `(${n}.id = ANY (${ids}::uuid[]) OR ${discover}::boolean AND ${n}.self_registered)`

/** What was rung is claimed within so long where anybody has room for it, in seconds. */
const UNDER_WAY_S = 2

/** SQL for whether the task `t`, which waits for a node, was rung just now. */
export const isUnderWay = (t: string) =>
  `(${t}.rung_at >= now() - interval '${UNDER_WAY_S} s') IS TRUE`

/** SQL for whether a task of this family waits for a node, and is not on its way to one. */
export const nodeAwaited = (family: string) => `EXISTS (SELECT FROM tasks waiting
    WHERE waiting.family = ${family} AND waiting.waiting_since IS NOT NULL
      AND NOT ${isUnderWay('waiting')})`
