import type { Statement } from './statement.ts'

/** The moment at which the database is, as it writes it. */
export function tellTime(): Statement<{ moment: string }> {
  return { name: 'tell-time', text: 'SELECT now()::text AS moment', params: [] }
}
