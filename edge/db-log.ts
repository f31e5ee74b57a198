import { v7 as uuidv7 } from 'uuid'
import { placeOf } from '../drizzle/contract/place-of.ts'
import {
  type LogRow,
  rowOnLeftOut,
  saveLogsWithinLimit,
} from '../drizzle/statements/save-logs-within-limit.ts'
import { codeOf } from './code-of.ts'
import { log } from './log.ts'
import { DatabaseError } from './neon.ts'
import type { Services } from './services.ts'

/** After this time a statement that was not heard of again, as its request was ended, is forgotten. */
const FORGOTTEN_AFTER_MS = 15_000

/**
 * Writes errors that nobody foresaw to `sys_logs`, within the limit that all writers share. One
 * statement at a time: what comes meanwhile is left out and counted, and a row beside the next says
 * how many those were.
 */
export class DbLog {
  private readonly services: Pick<Services, 'postgres' | 'settings'>
  private busyUntil = 0
  private leftOut = 0

  constructor(services: Pick<Services, 'postgres' | 'settings'>) {
    this.services = services
  }

  /** Does not fail. */
  async save(error: Error, requestId: string): Promise<void> {
    if (Date.now() < this.busyUntil) {
      this.leftOut++
      return
    }
    const before = this.leftOut
    const source = this.services.settings.INSTANCE_ID ?? 'gateway'
    const rows = [rowOf(error, requestId, source)]
    // First, as it tells of more than the other.
    if (before > 0) rows.unshift(rowOnLeftOut(before, { id: uuidv7(), source }))
    this.leftOut = 0
    this.busyUntil = Date.now() + FORGOTTEN_AFTER_MS
    let written = 0
    try {
      const [answer] = await this.services.postgres.run(saveLogsWithinLimit(rows))
      written = answer?.written ?? 0
    } catch (failure) {
      const code = codeOf(failure)
      log('warn', 'error not written to the database', { code, request_id: requestId })
    }
    if (written === 0) this.leftOut += before
    if (written < rows.length) this.leftOut++
    this.busyUntil = 0
  }
}

function rowOf(error: Error, requestId: string, source: string): LogRow {
  return {
    id: uuidv7(),
    level: 'error',
    source,
    taskId: null,
    code: error instanceof DatabaseError ? error.code : error.name.slice(0, 100),
    message: `request ${requestId} failed`,
    stack: placeOf(error).join('\n').slice(0, 4000),
  }
}
