import type { Statement } from './statement.ts'

/** Asks whether the database answers. */
export function ping(): Statement<{ up: number }> {
  return { name: 'ping', text: 'SELECT 1 AS up', params: [] }
}
