import { TaskStatus } from '../contract/task-status.ts'

/**
 * What a reader has of a thing already: the tags of the states it knows, or `*`, any; and until when
 * the addresses of files that it would be given now are good, as text.
 */
export type Known = { tags: readonly string[] | '*'; urlsUntil: string }

/** What a reader has who comes for the first time. */
export const NOTHING_KNOWN: Known = { tags: [], urlsUntil: '' }

/** Parameters $3 and $4 of the statements that tell tags. */
export const knownParams = ({ tags, urlsUntil }: Known) => [tags === '*' ? null : tags, urlsUntil]

/**
 * A tag stands for all that a reader sees of a batch or a task: where it is the same, so is that. It
 * is made of columns that only grow, joined by dots:
 *
 * - `batches.version`: every change of the batch row, among them each end of a task;
 * - the fences of the tasks: claim, release, retry, cancel and reaping;
 * - the versions of the texts that running calls have so far. They are not in `batches.version`, as
 *   a text is saved each second, and each save would write and lock the row of the batch. They begin at
 *   the time of their first save, so that a table that was emptied by a crash gives no old tag again;
 * - the last start: a claim that is asked again starts the call anew at the same fence;
 * - `urlsUntil`, only where there are files: their addresses change with it.
 */
const tag = (parts: string[]) => `concat_ws('.', ${parts.join(', ')})`

const milliseconds = (time: string) => `coalesce((extract(epoch FROM ${time}) * 1000)::bigint, 0)`

/** A count, not EXISTS: that may be planned as a read of the whole table. */
const hasFiles = (places: string, column: string, id: string) =>
  `(SELECT count(*) FROM ${places} placed WHERE placed.${column} = ${id}) > 0`

/** SQL for the tag of the batch row `b`, over all rows of TASK_AND_PARTIAL that are its. */
export const TAG_OF_BATCH = tag([
  'b.version',
  'sum(t.fence)',
  'coalesce(sum(p.version), 0)',
  milliseconds('max(t.started_at)'),
  `CASE WHEN ${hasFiles('batch_files', 'batch_id', 'b.id')}
    OR bool_or(${hasFiles('task_files', 'task_id', 't.id')}) THEN $4::text END`,
])

/** SQL for the tag of one row of TASK_AND_PARTIAL, whose batch is `b`. */
export const TAG_OF_TASK = tag([
  'b.version',
  't.fence',
  'coalesce(p.version, 0)',
  milliseconds('t.started_at'),
  `CASE WHEN ${hasFiles('task_files', 'task_id', 't.id')} THEN $4::text END`,
])

/** SQL for whether a tag is among those that are known. */
export const isKnown = (tagColumn: string) => `coalesce(${tagColumn} = ANY ($3::text[]), true)`

/** SQL for whether nothing will change of the task `t` by itself. */
export const TASK_HAS_ENDED = `t.status NOT IN (${TaskStatus.PENDING}, ${TaskStatus.PROCESSING})`
