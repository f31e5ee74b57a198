import type { Statement } from './statement.ts'

/**
 * The moment at which the database is, as it writes it, and in ms since 1970, rounded up.
 */
export function tellTime(): Statement<{ moment: string; ms: number }> {
  return { name: 'tell-time', text: TELL_TIME, params: [] }
}

const TELL_TIME = `
SELECT now()::text AS moment, ceil(extract(epoch FROM now()) * 1000)::float8 AS ms`
