import { v7 as uuidv7 } from 'uuid'
import { beforeEach, expect, test } from 'vitest'
import { type Purge, purgeDeadLetters } from '../../drizzle/statements/purge-dead-letters.ts'
import { deadMessage, failed } from '../setup/dead-letters.ts'
import { openSession, race, untilWaiting } from '../setup/session.ts'
import { taskRow } from '../setup/task-states.ts'
import { useDatabase } from '../setup/use-database.ts'

const database = useDatabase()

beforeEach(async () => {
  await database.query('DELETE FROM dead_letters')
})

const statement = (which: Partial<Purge> = {}, limit = 1000) =>
  purgeDeadLetters(
    { ids: null, kind: null, olderThanDays: null, replayed: false, ...which },
    limit,
    { actor: 'ann', auditId: uuidv7() },
  )

async function purge(which: Partial<Purge> = {}, limit = 1000): Promise<string[]> {
  return (await database.run(statement(which, limit))).map(({ id }) => id).sort()
}

async function left(): Promise<string[]> {
  const rows = await database.query<{ id: string }>('SELECT id FROM dead_letters ORDER BY id')
  return rows.map(({ id }) => id)
}

async function messages(count: number): Promise<string[]> {
  const ids: string[] = []
  for (let i = 0; i < count; i++) ids.push(await deadMessage(database))
  return ids.sort()
}

test('without a condition all go, and the tasks stay', async () => {
  const [message] = await messages(1)
  const { failed: letters } = await failed(database)
  expect(await purge()).toEqual([message, letters[0].letterId].sort())
  expect(await left()).toEqual([])
  expect(await taskRow(database, letters[0].taskId)).toMatchObject({ status: 2 })
})

test('a purge leaves a line that says who it was and how many went, where any did', async () => {
  await database.query('DELETE FROM sys_logs')
  await messages(3)
  await purge({}, 2)
  await purge({ kind: 'task' })
  expect(
    await database.query('SELECT level, source, task_id, code, message, stack FROM sys_logs'),
  ).toEqual([
    {
      level: 'audit',
      source: 'dlq',
      task_id: null,
      code: 'dead_letters_purged',
      message: 'ann purged dead letters: 2.',
      stack: null,
    },
  ])
})

test('only the named ones go', async () => {
  const [one, two, three] = await messages(3)
  expect(await purge({ ids: [one!, three!, uuidv7()] })).toEqual([one, three])
  expect(await left()).toEqual([two])
})

test('only those of one kind go', async () => {
  const [message] = await messages(1)
  const { failed: letters } = await failed(database)
  expect(await purge({ kind: 'message' })).toEqual([message])
  expect(await left()).toEqual([letters[0].letterId])
})

test('one of 49 hours goes where two days are asked for, one of 47 stays', async () => {
  const [old, young] = await messages(2)
  const age = 'UPDATE dead_letters SET created_at = now() - $2 * interval $$1 h$$ WHERE id = $1'
  await database.query(age, [old, 49])
  await database.query(age, [young, 47])
  expect(await purge({ olderThanDays: 2 })).toEqual([old])
  expect(await left()).toEqual([young])
})

test('only what has been replayed goes where that is asked', async () => {
  const [replayed, other] = await messages(2)
  await database.query('UPDATE dead_letters SET replayed_at = now() WHERE id = $1', [replayed])
  expect(await purge({ replayed: true })).toEqual([replayed])
  expect(await left()).toEqual([other])
})

test('where several conditions are given all must hold', async () => {
  const [one, two] = await messages(2)
  await database.query('UPDATE dead_letters SET replayed_at = now() WHERE id = $1', [one])
  expect(await purge({ ids: [two!], replayed: true })).toEqual([])
  expect(await purge({ ids: [one!], replayed: true, kind: 'message' })).toEqual([one])
})

test('no more than the limit go at a time, the oldest first', async () => {
  const ids = await messages(3)
  expect(await purge({}, 2)).toEqual(ids.slice(0, 2))
  expect(await left()).toEqual(ids.slice(2))
})

test('what another purge is deleting is waited for, and not deleted twice', async () => {
  const ids = await messages(2)
  const { first, second } = await race(database, statement({ ids: [ids[0]!] }), statement())
  expect([first, second]).toEqual([[{ id: ids[0] }], [{ id: ids[1] }]])
})

test('purges that name the same dead letters in opposite orders do not deadlock', async () => {
  const [a, b, c] = (await messages(3)) as [string, string, string]
  const [gate, one, two] = [
    await openSession(database),
    await openSession(database),
    await openSession(database),
  ]
  await gate.query('BEGIN')
  await gate.query('SELECT FROM dead_letters WHERE id = $1 FOR UPDATE', [c])
  const first = one.run(statement({ ids: [b, c, a] }))
  await untilWaiting(database, one, first)
  const second = two.run(statement({ ids: [a, c, b] }))
  await untilWaiting(database, two, second)
  await gate.query('COMMIT')
  expect([(await first).length, (await second).length]).toEqual([3, 0])
})
