/**
 * A CTE `session_lock` with the 63-bit keys that sessions of this database hold as advisory locks;
 * `pg_locks` shows each as two halves.
 */
export const SESSION_LOCKS = `session_lock AS MATERIALIZED (
  SELECT (l.classid::bigint << 32) | l.objid::bigint AS key
  FROM pg_locks l
  WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND l.granted
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
)`
