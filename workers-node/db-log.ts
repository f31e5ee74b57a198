import { v7 as uuidv7 } from 'uuid'
import { z } from 'zod'
import {
  type LogRow,
  rowOnLeftOut,
  saveLogsWithinLimit,
} from '../drizzle/statements/save-logs-within-limit.ts'
import type { PostgresDoor } from '../drizzle/statements/statement.ts'
import { every } from './every.ts'
import { codeOf, type ErrorLine, log, watchErrors } from './log.ts'
import { storableText } from './storable-text.ts'

const FLUSH_EVERY_MS = 1000
/** How many lines wait for the next flush at most. */
const MAX_WAITING = 600
/** How often the log says at most that it left lines out, in ms. */
const SUMMARY_EVERY_MS = 10_000

/**
 * Copies what the log says of errors to `sys_logs`, once a second in one statement, within the limit
 * that all writers share. What is over it, or cannot be written, is left out and counted, and a row
 * says how many those were. Nobody waits for it. `source` is the worker's id.
 */
export function startDbLog({ postgres, source }: { postgres: PostgresDoor; source: string }): {
  /** Writes what still waits, once, and ends. */
  stop(): Promise<void>
} {
  let waiting: LogRow[] = []
  let leftOut = 0
  let saysLeftOutAt = 0
  let failing = false

  watchErrors({
    tell(line) {
      if (waiting.length < MAX_WAITING) waiting.push(rowOf(line, source))
      else leftOut++
    },
    write: () => flush(0),
  })
  const flushing = every(FLUSH_EVERY_MS, 'writing the log', () => flush(saysLeftOutAt))

  /** Writes what waits; and, from the given time on, that lines were left out. */
  async function flush(summaryAt: number): Promise<void> {
    const rows = waiting
    const summary =
      leftOut > 0 && performance.now() >= summaryAt
        ? [rowOnLeftOut(leftOut, { id: uuidv7(), source })]
        : []
    if (rows.length + summary.length === 0) return
    const said = summary.length > 0 ? leftOut : 0
    waiting = []
    leftOut -= said
    try {
      // The summary first: it tells of more than any other.
      const [answer] = await postgres.run(saveLogsWithinLimit([...summary, ...rows]))
      const written = answer?.written ?? 0
      if (said > 0 && written > 0) saysLeftOutAt = performance.now() + SUMMARY_EVERY_MS
      else leftOut += said
      leftOut += rows.length - Math.max(written - summary.length, 0)
      failing = false
    } catch (error) {
      leftOut += said + rows.length
      if (!failing) log.warn({ code: codeOf(error) }, 'errors are not written to the database')
      failing = true
    }
  }

  return {
    async stop() {
      watchErrors(undefined)
      await flushing.stop()
      await flush(0)
      if (leftOut > 0) log.warn({ lines: leftOut }, 'errors were not written to the database')
    },
  }
}

const uuid = z.uuid()

/** Of the fields only what is known to be harmless, and no longer than it has to be. */
function rowOf({ level, fields, msg }: ErrorLine, source: string): LogRow {
  const { task_id: taskId, code, at } = fields
  return {
    id: uuidv7(),
    level,
    source,
    taskId: uuid.safeParse(taskId).data ?? null,
    code: storableText(typeof code === 'string' ? code : 'unknown').slice(0, 100),
    message: storableText(msg).slice(0, 500),
    stack: Array.isArray(at) ? storableText(at.join('\n')).slice(0, 4000) : null,
  }
}
