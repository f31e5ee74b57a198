/**
 * One SQL statement, ready to run by any door: over HTTP from the edge or natively from a worker.
 * `name` lets the native door keep it prepared; `Row` is the shape of each row it returns.
 */
export type Statement<Row> = {
  name: string
  text: string
  params: unknown[]
  /** Never set; it carries the type of the rows. */
  readonly row?: Row
}

/** What both doors to Postgres look like. */
export type PostgresDoor = {
  run<Row>(statement: Statement<Row>): Promise<Row[]>
}

/** SQL for a time as ISO 8601 in UTC with milliseconds, or NULL. */
export function isoUtc(column: string): string {
  return `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`
}
