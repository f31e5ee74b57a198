import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { listDoomedObjects } from '../drizzle/statements/doomed-objects.ts'
import { deleteDoomed } from '../edge/delete-doomed.ts'
import { Leftovers } from '../edge/leftovers.ts'
import { type ObjectStore, ObjectStoreError } from '../edge/object-store.ts'
import { submit, until } from './setup/client.ts'
import { useDatabase } from './setup/use-database.ts'
import { startStack } from './stack.ts'

const DOOM = `INSERT INTO doomed_objects (object_key, created_at)
  SELECT 'uploads/' || i, now() + i * interval '1 s' FROM generate_series(1, $1::integer) i`

describe('a process', () => {
  const database = useDatabase()
  const deleted: string[] = []
  const held = new Set<string>()
  const objects = {
    async delete(key: string) {
      if (held.has(key)) throw new ObjectStoreError('away')
      deleted.push(key)
    },
  } as Partial<ObjectStore> as ObjectStore
  const doors = { postgres: database, files: { objects, urlSecret: '' }, requestId: 'a-request' }
  const doomed = async () =>
    (await database.run(listDoomedObjects(1000))).map(({ object_key }) => object_key)

  beforeEach(async () => {
    await database.query('TRUNCATE doomed_objects')
    deleted.length = 0
    held.clear()
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  test('forgets all that the store has let go of before it failed, and nothing else', async () => {
    await database.query(DOOM, [30])
    held.add('uploads/8')
    await deleteDoomed(doors)
    expect(await doomed()).not.toContain('uploads/7')
    expect(await doomed()).toEqual(
      [
        8,
        ...Array(20)
          .keys()
          .map((i) => i + 11),
      ].map((i) => `uploads/${i}`),
    )
    held.clear()
    await deleteDoomed(doors)
    expect(await doomed()).toEqual([])
    expect(new Set(deleted).size).toBe(30)
  })

  test('looks once in ten minutes where nobody brings anything', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    const leftovers = new Leftovers()
    await database.query(DOOM, [1])
    await leftovers.forgetIfDue(doors)
    expect(await doomed()).toEqual([])
    await database.query(DOOM, [1])
    vi.setSystemTime(Date.now() + 599_000)
    await leftovers.forgetIfDue(doors)
    expect(await doomed()).toEqual(['uploads/1'])
    vi.setSystemTime(Date.now() + 1_000)
    await leftovers.forgetIfDue(doors)
    expect(await doomed()).toEqual([])
  })
})

test('a submit without files has what was left over forgotten', async () => {
  const stack = await startStack({ workers: 0 })
  onTestFinished(() => stack.stop())
  await stack.database.query(DOOM, [1])
  await submit(stack.gatewayUrl, { prompt: 'a', model: 'qwen3' })
  await until(async () => (await stack.database.query('SELECT FROM doomed_objects')).length === 0)
})
