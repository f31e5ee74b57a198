import { expect, test } from 'vitest'
import { ping } from '../../drizzle/statements/ping.ts'
import { useDatabase } from '../setup/use-database.ts'

const database = useDatabase()

test('a database that answers says so', async () => {
  expect(await database.run(ping())).toEqual([{ up: 1 }])
})
