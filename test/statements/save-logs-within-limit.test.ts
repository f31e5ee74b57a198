import { v7 as uuidv7 } from 'uuid'
import { beforeEach, expect, test } from 'vitest'
import {
  type LogRow,
  saveLogsWithinLimit,
} from '../../drizzle/statements/save-logs-within-limit.ts'
import { race } from '../setup/session.ts'
import { useDatabase } from '../setup/use-database.ts'

const database = useDatabase()

beforeEach(() => database.query('TRUNCATE sys_logs, log_budget'))

function row(overrides: Partial<LogRow> = {}): LogRow {
  return {
    id: uuidv7(),
    level: 'error',
    source: 'worker-1',
    taskId: null,
    code: 'model_timeout',
    message: 'task failed',
    stack: null,
    ...overrides,
  }
}

const rows = (count: number) => Array.from({ length: count }, (_, i) => row({ code: `code-${i}` }))

async function save(given: LogRow[]): Promise<number> {
  const [answer] = await database.run(saveLogsWithinLimit(given))
  return answer!.written
}

/** What is left of the budget, and since when. */
function budgetIs(tokens: number, filledAt: string) {
  return database.query(
    `INSERT INTO log_budget (id, tokens, filled_at, granted) VALUES (1, $1, now() + $2::interval, 0)`,
    [tokens, filledAt],
  )
}

async function stored() {
  const found = await database.query<{ code: string }>('SELECT code FROM sys_logs')
  return found.map(({ code }) => code)
}

test('rows are written with all that they say, at the time of the database', async () => {
  const full = row({ level: 'fatal', taskId: uuidv7(), stack: '    at one\n    at two' })
  const bare = row()
  expect(await save([full, bare])).toBe(2)
  const columns = 'id, level, source, task_id, code, message, stack'
  expect(await database.query(`SELECT ${columns} FROM sys_logs ORDER BY id`)).toEqual(
    [full, bare].map(({ taskId, ...rest }) => ({ ...rest, task_id: taskId })),
  )
  expect(
    await database.query("SELECT FROM sys_logs WHERE created_at > now() - interval '1 min'"),
  ).toHaveLength(2)
})

test('of more than fit at once the first are written, and the rest is dropped', async () => {
  const given = rows(500)
  expect(await save(given)).toBe(300)
  expect(new Set(await stored())).toEqual(new Set(given.slice(0, 300).map(({ code }) => code)))
})

test('a budget that is used up fills again by five a second', async () => {
  await budgetIs(0, '-10 s')
  const written = await save(rows(600))
  expect(written).toBeGreaterThanOrEqual(50)
  expect(written).toBeLessThan(150)
})

test('what is left of the budget is less by what was written', async () => {
  await budgetIs(7, '1 h')
  expect([await save(rows(3)), await save(rows(3)), await save(rows(3))]).toEqual([3, 3, 1])
  expect(await save(rows(1))).toBe(0)
  expect(await stored()).toHaveLength(7)
})

test('a part of a token writes no row', async () => {
  await budgetIs(1.9, '1 h')
  expect(await save(rows(2))).toBe(1)
})

test('however long nothing was written, no more than a burst fits', async () => {
  await budgetIs(300, '-1 day')
  expect(await save(rows(600))).toBe(300)
})

test('a writer whose time is behind that of the budget gains nothing by it, and writes at its time', async () => {
  await budgetIs(2, '30 s')
  expect(await save(rows(5))).toBe(2)
  const [budget] = await database.query<{ filled_at: Date }>('SELECT filled_at FROM log_budget')
  const times = await database.query<{ created_at: Date }>('SELECT created_at FROM sys_logs')
  expect(times.map(({ created_at }) => created_at)).toEqual([budget!.filled_at, budget!.filled_at])
})

test('of two writers at the same moment the second has what the first has left', async () => {
  await budgetIs(5, '1 h')
  const both = await race(database, saveLogsWithinLimit(rows(3)), saveLogsWithinLimit(rows(3)))
  expect([both.first[0]?.written, both.second[0]?.written]).toEqual([3, 2])
  expect(await stored()).toHaveLength(5)
})

test('the first two writers of all at the same moment share one budget', async () => {
  const statement = () => saveLogsWithinLimit(rows(300))
  const both = await race(database, statement(), statement())
  expect(both.first[0]?.written).toBe(300)
  expect(both.second[0]?.written).toBeLessThan(150)
})
