import { expect, test } from 'vitest'
import { forgetDoomedObjects, listDoomedObjects } from '../../drizzle/statements/doomed-objects.ts'
import { useDatabase } from '../setup/use-database.ts'

const database = useDatabase()

test('doomed objects are listed in their order, and forgotten by their keys', async () => {
  for (const [i, key] of ['c', 'a', 'b'].entries()) {
    await database.query(
      `INSERT INTO doomed_objects (object_key, created_at)
       VALUES ($1, now() + $2::integer * interval '1 s')`,
      [key, i],
    )
  }
  const listed = async (limit: number) =>
    (await database.run(listDoomedObjects(limit))).map(({ object_key }) => object_key)
  expect(await listed(10)).toEqual(['c', 'a', 'b'])
  expect(await listed(2)).toEqual(['c', 'a'])
  await database.run(forgetDoomedObjects(['c', 'b', 'other']))
  expect(await listed(10)).toEqual(['a'])
})
