import { expect, test } from 'vitest'
import { tellTime } from '../../drizzle/statements/tell-time.ts'
import { openMoment } from '../setup/session.ts'
import { useDatabase } from '../setup/use-database.ts'

const database = useDatabase()

test('the moment is now, to the microsecond, in a form that the database reads', async () => {
  const session = await openMoment(database)
  const [clock] = await session.run(tellTime())
  const { rows } = await session.query('SELECT $1::timestamptz = now() AS same', [clock!.moment])
  expect(rows).toEqual([{ same: true }])
})

test('in whole ms it is no earlier than that, and less than one ms later', async () => {
  const session = await openMoment(database)
  const [clock] = await session.run(tellTime())
  const { rows } = await session.query(
    'SELECT $1::float8 - extract(epoch FROM now())::float8 * 1000 AS later',
    [clock!.ms],
  )
  expect(Number.isInteger(clock!.ms)).toBe(true)
  expect(rows[0].later).toBeGreaterThan(-0.001)
  expect(rows[0].later).toBeLessThan(1)
})
