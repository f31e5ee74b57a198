import { TaskStatus } from '../contract/task-status.ts'
import { OVERDUE } from './overdue.ts'

/**
 * What a reader has of a thing already: the tags of the states it knows, or `*`, any; and until when
 * the addresses of files that it would be given now are good.
 */
export type Known = { tags: readonly string[] | '*'; urlsUntil: number }

/** What a reader has who comes for the first time. */
export const NOTHING_KNOWN: Known = { tags: [], urlsUntil: 0 }

/** Parameters $3 and $4 of a statement that has `seenOf` in it. */
export const knownParams = ({ tags, urlsUntil }: Known) => [tags === '*' ? null : tags, urlsUntil]

/** A count, not EXISTS, which may be planned as a read of the whole table. */
const hasFiles = (places: string, column: string, id: string) =>
  `(SELECT count(*) FROM ${places} placed WHERE placed.${column} = ${id}) > 0`

const TAG_PARTS = [
  'b.version',
  'sum(t.fence)',
  `coalesce(sum(CASE WHEN t.status = ${TaskStatus.PROCESSING} THEN (SELECT p.version
    FROM task_partials p WHERE p.task_id = t.id AND p.fence = t.fence) END), 0)`,
  'coalesce((extract(epoch FROM max(t.started_at)) * 1000)::bigint, 0)',
  `CASE WHEN ${hasFiles('batch_files', 'batch_id', 'b.id')}
    OR bool_or(${hasFiles('task_files', 'task_id', 't.id')}) THEN $4::bigint END`,
]

/**
 * SQL for what is to be seen of some tasks of the batch row `b` without looking at their contents: one
 * row with `tag`, `known` (whether the reader knows that tag), `ended` and `overdue` (a task waits
 * though it is due). `which` is a condition on the task `t`; all is found by keys.
 *
 * The tag stands for all that a reader sees: where it is the same, so is that. It is made of what only
 * grows, joined by dots:
 *
 * - `batches.version`, for every change of the batch row, and so for every end of a task;
 * - the fences, for claim, release, retry, cancel and reaping;
 * - the versions of the texts that running calls have so far. These are not in `batches.version`, as a
 *   text is saved each second, and each save would write and lock the row of the batch. They begin at
 *   the time of the first save, so that a table that a crash has emptied gives no old tag again;
 * - the last start: a claim that was not heard and is asked again starts a call anew at its fence;
 * - where there are files, until when their addresses are good, which change with that.
 */
export const seenOf = (which: string) => `LATERAL (
  SELECT told.*, coalesce(told.tag = ANY ($3::text[]), true) AS known FROM (
    SELECT concat_ws('.', ${TAG_PARTS.join(',\n      ')}) AS tag,
      bool_and(t.status NOT IN (${TaskStatus.PENDING}, ${TaskStatus.PROCESSING})) AS ended,
      bool_or(${OVERDUE}) AS overdue
    FROM tasks t WHERE ${which}
  ) told
) seen`
