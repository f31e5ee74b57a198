import type { Statement } from './statement.ts'

/** At most this many rows at once, and so many more a second. In no minute are there more than 600. */
const BURST = 300
const A_SECOND = 5

/** One row of `sys_logs`. Nothing of a prompt, an answer or a secret may stand in it. */
export type LogRow = {
  id: string
  level: 'warn' | 'error' | 'fatal'
  /** Who writes: a worker's id, or the gateway. */
  source: string
  taskId: string | null
  code: string
  message: string
  stack: string | null
}

/** The row that stands for lines that were left out. */
export function rowOnLeftOut(lines: number, { id, source }: Pick<LogRow, 'id' | 'source'>): LogRow {
  const message = `${lines} lines on errors were left out before this one`
  return { id, source, level: 'warn', taskId: null, code: 'left_out', message, stack: null }
}

/**
 * Writes log rows, the first first, but no more than all who write may together. Returns how many
 * were written; the rest is dropped.
 *
 * The budget is a row of its own, as whoever waits for a locked row goes on with what its holder has
 * left of it. A count of the log's own rows would not see those that are being written.
 */
export function saveLogsWithinLimit(rows: LogRow[]): Statement<{ written: number }> {
  return {
    name: 'save-logs-within-limit',
    text: SAVE_LOGS_WITHIN_LIMIT,
    params: [
      rows.map(({ id }) => id),
      rows.map(({ level }) => level),
      rows.map(({ source }) => source),
      rows.map(({ taskId }) => taskId),
      rows.map(({ code }) => code),
      rows.map(({ message }) => message),
      rows.map(({ stack }) => stack),
    ],
  }
}

// The rows bear the time of the budget and not their own: one who had to wait would else put them
// back into a minute that is full.
const SAVE_LOGS_WITHIN_LIMIT = `
WITH budget AS (
  INSERT INTO log_budget AS b (id, filled_at, granted, tokens)
  SELECT 1, now(), least(cardinality($1::uuid[]), ${BURST}),
    ${BURST} - least(cardinality($1::uuid[]), ${BURST})
  ON CONFLICT (id) DO UPDATE SET (filled_at, granted, tokens) = (
    SELECT seen.at, given.tokens, filled.tokens - given.tokens
    FROM (SELECT greatest(b.filled_at, now()) AS at) seen,
      LATERAL (SELECT least(${BURST},
        b.tokens + ${A_SECOND} * extract(epoch FROM seen.at - b.filled_at)) AS tokens) filled,
      LATERAL (SELECT least(cardinality($1::uuid[]), floor(filled.tokens)::integer) AS tokens) given)
  RETURNING filled_at, granted
), written AS (
  INSERT INTO sys_logs (id, level, source, task_id, code, message, stack, created_at)
  SELECT l.id, l.level, l.source, l.task_id, l.code, l.message, l.stack, budget.filled_at
  FROM budget, unnest($1::uuid[], $2::text[], $3::text[], $4::uuid[], $5::text[], $6::text[],
    $7::text[]) WITH ORDINALITY AS l (id, level, source, task_id, code, message, stack, position)
  WHERE l.position <= budget.granted
)
SELECT granted AS written FROM budget`
