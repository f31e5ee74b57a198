import { beforeEach, expect, test } from 'vitest'
import {
  giveBackDeadLetters,
  takeUncopiedDeadLetters,
  uncopyNewestDeadLetters,
} from '../../drizzle/statements/copy-dead-letters.ts'
import { deadMessage, letterRow } from '../setup/dead-letters.ts'
import { openSession, untilWaiting } from '../setup/session.ts'
import { useDatabase } from '../setup/use-database.ts'

const database = useDatabase()

beforeEach(async () => {
  await database.query('DELETE FROM dead_letters')
})

async function messages(count: number): Promise<string[]> {
  const ids: string[] = []
  for (let i = 0; i < count; i++) ids.push(await deadMessage(database))
  return ids.sort()
}

async function take(limit = 100): Promise<string[]> {
  return (await database.run(takeUncopiedDeadLetters(limit))).map(({ id }) => id)
}

test('what is not copied yet is taken with all that its copy needs, and is marked', async () => {
  const id = await deadMessage(database, { entryId: '7-7', payload: '["a","b"]' })
  expect(await database.run(takeUncopiedDeadLetters(10))).toEqual([
    {
      id,
      kind: 'message',
      source: 'qwen_stream',
      original_id: '7-7',
      payload: '["a","b"]',
      error_code: 'unreadable_message',
      error_msg: 'The stream entry is not a task message.',
      created_at: expect.stringMatching(/^\d{4}-.*Z$/),
    },
  ])
  expect((await letterRow(database, id))?.copied_at).toBeInstanceOf(Date)
  expect(await take()).toEqual([])
})

test('no more than the limit are taken at a time, the oldest first', async () => {
  const ids = await messages(3)
  expect(await take(2)).toEqual(ids.slice(0, 2))
  expect(await take(2)).toEqual(ids.slice(2))
})

test('what another sweep is taking is left to it, and nobody waits', async () => {
  const ids = await messages(3)
  const other = await openSession(database)
  await other.query('BEGIN')
  await other.run(takeUncopiedDeadLetters(2))
  expect(await take()).toEqual(ids.slice(2))
  await other.query('COMMIT')
  expect(await take()).toEqual([])
})

test('what is given back is taken again, and nothing else', async () => {
  const ids = await messages(3)
  await take()
  await database.run(giveBackDeadLetters([ids[2]!, ids[0]!]))
  expect(await take()).toEqual([ids[0], ids[2]])
})

test('givings back of the same dead letters in opposite orders do not deadlock', async () => {
  const [a, b, c] = (await messages(3)) as [string, string, string]
  const [gate, one, two] = [
    await openSession(database),
    await openSession(database),
    await openSession(database),
  ]
  await gate.query('BEGIN')
  await gate.query('SELECT FROM dead_letters WHERE id = $1 FOR UPDATE', [c])
  const first = one.run(giveBackDeadLetters([b, c, a]))
  await untilWaiting(database, one, first)
  const second = two.run(giveBackDeadLetters([a, c, b]))
  await untilWaiting(database, two, second)
  await gate.query('COMMIT')
  expect(await Promise.all([first, second])).toEqual([[], []])
})

test('when the stream is lost the newest are taken again, and no more than the limit', async () => {
  const ids = await messages(4)
  await take()
  await database.run(uncopyNewestDeadLetters(3))
  expect(await take()).toEqual(ids.slice(1))
})

test('a dead letter that is locked at the moment is not waited for when the stream is lost', async () => {
  const ids = await messages(2)
  await take()
  const other = await openSession(database)
  await other.query('BEGIN')
  await other.query('SELECT FROM dead_letters WHERE id = $1 FOR UPDATE', [ids[0]])
  await database.run(uncopyNewestDeadLetters(2))
  expect(await take()).toEqual(ids.slice(1))
  await other.query('COMMIT')
})
