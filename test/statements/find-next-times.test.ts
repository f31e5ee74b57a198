import { beforeEach, expect, test } from 'vitest'
import { findNextTimes } from '../../drizzle/statements/find-next-times.ts'
import { openMoment } from '../setup/session.ts'
import { answered, processing, submitted } from '../setup/task-states.ts'
import { useDatabase } from '../setup/use-database.ts'

const MODEL = 'qwen3:1.7b'
const NOTHING = { lease_ms: null, due_ms: null, lost_ms: null }
const FAMILIES = ['deepseek', 'gemini', 'qwen']
const database = useDatabase()

beforeEach(async () => {
  await database.query('DELETE FROM conversations')
})

/**
 * What is found once a column of these tasks was set to so many seconds from now, each to its own;
 * all of it at one moment, so that the times are exact.
 */
async function found(
  changes: { column: string; ids: string[]; inS: (number | null)[] }[],
  families = FAMILIES,
) {
  const moment = await openMoment(database)
  for (const { column, ids, inS } of changes) {
    for (const [i, id] of ids.entries()) {
      await moment.query(
        `UPDATE tasks SET ${column} = now() + $2::float8 * interval '1 s' WHERE id = $1`,
        [id, inS[i]],
      )
    }
  }
  const rows = await moment.run(findNextTimes(families))
  const { now } = (await moment.query('SELECT now()::text AS now')).rows[0]!
  await moment.query('ROLLBACK')
  expect(rows).toHaveLength(1)
  const { moment: seen, ...times } = rows[0]!
  expect(seen).toBe(now)
  return times
}

async function pending(...models: string[]): Promise<string[]> {
  const { tasks } = await submitted(database, models)
  return tasks.map(({ id }) => id)
}

test('where no task is open there is nothing to look after', async () => {
  await answered(database, [MODEL, MODEL], ['An answer', null])
  expect(await found([])).toEqual(NOTHING)
})

test('the first lease that ends is found, whosever it is', async () => {
  const { tasks } = await processing(database, [MODEL, 'gemini-2.5-flash', MODEL])
  const ids = tasks.map(({ id }) => id)
  expect(await found([{ column: 'lease_expires_at', ids, inS: [9, 4, 7] }])).toEqual({
    ...NOTHING,
    lease_ms: 4_000,
  })
})

test('the first task that is due of those not rung is found', async () => {
  const ids = await pending(MODEL, 'gemini-2.5-flash', MODEL)
  expect(
    await found([
      { column: 'rung_at', ids, inS: [null, null, null] },
      { column: 'run_after', ids, inS: [90, 40, 70] },
    ]),
  ).toEqual({ ...NOTHING, due_ms: 40_000 })
})

test('the oldest ring of any family is found, by when it may count as lost', async () => {
  const ids = await pending(MODEL, 'gemini-2.5-flash', MODEL)
  expect(await found([{ column: 'rung_at', ids, inS: [-2, -6, -4] }])).toEqual({
    ...NOTHING,
    lost_ms: 4_000,
  })
  expect(await found([{ column: 'rung_at', ids, inS: [-2, -6, -4] }], ['qwen'])).toEqual({
    ...NOTHING,
    lost_ms: 6_000,
  })
})

test('what is overdue is found by a time that has passed', async () => {
  const { tasks } = await processing(database, [MODEL])
  const [due, lost] = await pending(MODEL, MODEL)
  const ids = [tasks[0]!.id]
  expect(
    await found([
      { column: 'lease_expires_at', ids, inS: [-3] },
      { column: 'rung_at', ids: [due!, lost!], inS: [null, -30] },
      { column: 'run_after', ids: [due!], inS: [-5] },
    ]),
  ).toEqual({ lease_ms: -3_000, due_ms: -5_000, lost_ms: -20_000 })
})

test('a ring of a task that runs counts no more', async () => {
  const { tasks } = await processing(database, [MODEL, MODEL])
  const ids = tasks.map(({ id }) => id)
  expect(
    await found([
      { column: 'lease_expires_at', ids, inS: [5, 5] },
      { column: 'rung_at', ids, inS: [-30, null] },
    ]),
  ).toEqual({ ...NOTHING, lease_ms: 5_000 })
})

test('of a task that is put off only the due time counts, and of one that was rung only its ring', async () => {
  const [putOff, rung] = await pending(MODEL, MODEL)
  expect(
    await found([
      { column: 'run_after', ids: [putOff!, rung!], inS: [8, -60] },
      { column: 'rung_at', ids: [putOff!, rung!], inS: [null, -1] },
    ]),
  ).toEqual({ lease_ms: null, due_ms: 8_000, lost_ms: 9_000 })
})
