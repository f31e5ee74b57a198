import { type ReplayRefusal, whyNotReplayed } from '../drizzle/contract/replay-refusal.ts'
import { TaskStatus } from '../drizzle/contract/task-status.ts'
import type { DeadLetter } from '../drizzle/statements/find-dead-letter.ts'
import type { DeadLetterRow } from '../drizzle/statements/list-dead-letters.ts'
import type { ReplayVerdict } from '../drizzle/statements/replay-dead-letters.ts'

/** The line that a person types before the words of a command. */
export const DLQ = 'npm run dlq --'

export const USAGE = `Dead letters: tasks that failed, and messages that could not be used.

  ${DLQ} list [--limit N] [--after ID]   the newest, or those older than ID
  ${DLQ} show ID                         one in full
  ${DLQ} replay ID… | --all              runs tasks again, adds messages to their stream again
  ${DLQ} purge [ID…] [--older-than DAYS] [--replayed]
                                                 deletes those that fit; all, where nothing is said

  list, replay --all and purge also take --kind task or --kind message.`

/** Dead letters as a table, a line each. */
export function tableOf(letters: DeadLetterRow[]): string {
  const rows = letters.map((letter) => [
    letter.id,
    letter.created_at,
    letter.kind,
    letter.source,
    letter.original_id,
    letter.error_code,
    letter.replayed_at ?? '',
  ])
  rows.unshift(['ID', 'WHEN', 'KIND', 'SOURCE', 'TASK OR ENTRY', 'CODE', 'REPLAYED'])
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)))
  return rows
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** One dead letter in full, a line for each thing known. */
export function sheetOf(letter: DeadLetter): string {
  const lines = [
    ['id', letter.id],
    ['kind', letter.kind],
    ['source', letter.source],
    [letter.kind === 'task' ? 'task' : 'entry', letter.original_id],
    ['code', letter.error_code],
    ['error', letter.error_msg],
    ['written', letter.created_at],
    ['replayed', letter.replayed_at ?? 'never'],
    ['copied', letter.copied_at ?? 'not yet'],
    ['payload', printable(letter.payload)],
  ]
  if (letter.kind === 'task') lines.push(['now', stateOf(letter)])
  return lines.map(([name, value]) => `${name!.padEnd(9)} ${value}`).join('\n')
}

function stateOf({ task_status: status }: DeadLetter): string {
  if (status === null) return 'the task is gone: it was deleted'
  const [name] = Object.entries(TaskStatus).find(([, value]) => value === status)!
  return `the task is ${name}`
}

/** What became of one replay, in one line. */
export function lineOf(verdict: ReplayVerdict): string {
  const { letter_id: id, ring, message, newer } = verdict
  if (ring) return `${id}  task ${ring.task_id} is PENDING again`
  if (message) return `${id}  added to ${message.stream} again`
  return `${id}  refused: ${whyNotReplayed(verdict.verdict as ReplayRefusal, newer)}`
}

/** `1 dead letter`, `2 dead letters`. */
export function lettersOf(count: number): string {
  return `${count} dead letter${count === 1 ? '' : 's'}`
}

/** Text of unknown origin without what a terminal would obey. */
function printable(text: string): string {
  return text.replaceAll(/\p{Cc}|\p{Cf}/gu, (character) => {
    const code = character.codePointAt(0)!
    return `\\u${code.toString(16).padStart(4, '0')}`
  })
}
