import { startDbLog } from '../../workers-node/db-log.ts'
import { log } from '../../workers-node/log.ts'
import { openPostgres } from '../../workers-node/postgres.ts'

// A program that says LINES errors at once as a worker's log does, and then drains.
const { DATABASE_URL = '', LINES, SOURCE = '', DB_LOG } = process.env
const postgres = openPostgres(DATABASE_URL, { connections: 1, timeoutMs: 2000 })
const dbLog = DB_LOG === 'false' ? undefined : startDbLog({ postgres, source: SOURCE })
const startedAt = performance.now()
for (let i = 0; i < Number(LINES); i++) {
  log.error({ task_id: '01990b6e-7a4c-7000-8a5e-3f1c2b4d5e6f', code: `code-${i}` }, 'task failed')
}
const tookMs = performance.now() - startedAt
await new Promise((resolve) => setTimeout(resolve, 3000))
await dbLog?.stop()
await postgres.close()
console.log(JSON.stringify({ took_ms: tookMs }))
