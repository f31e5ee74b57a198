import { beforeEach, expect, test } from 'vitest'
import { finishTasksIfHeld } from '../../drizzle/statements/finish-tasks-if-held.ts'
import { forgetOldRows } from '../../drizzle/statements/forget-old-rows.ts'
import { reapTasksIfExpired } from '../../drizzle/statements/reap-tasks-if-expired.ts'
import type { Held } from '../../drizzle/statements/renew-leases-if-held.ts'
import { savePartialsIfHeld } from '../../drizzle/statements/save-partials-if-held.ts'
import { node } from '../setup/node-states.ts'
import { openSession } from '../setup/session.ts'
import { failure, processing, submitted } from '../setup/task-states.ts'
import { useDatabase } from '../setup/use-database.ts'

const MODEL = 'qwen3:1.7b'
const database = useDatabase()

beforeEach(async () => {
  await database.query('DELETE FROM conversations')
  await database.query('DELETE FROM idempotency_keys')
  await database.query('DELETE FROM task_partials')
})

async function keyOfAge(hours: number, key: string, owner = 'local') {
  await submitted(database, [MODEL], { idempotencyKey: key, owner })
  await database.query(
    "UPDATE idempotency_keys SET created_at = now() - $3 * interval '1 h' WHERE key = $1 AND owner = $2",
    [key, owner, hours],
  )
}

async function keysLeft(): Promise<string[]> {
  const rows = await database.query<{ name: string }>(
    "SELECT owner || ' ' || key AS name FROM idempotency_keys",
  )
  return rows.map(({ name }) => name).toSorted()
}

/** A running call with text so far, that was saved long ago. */
async function writing() {
  const batch = await processing(database, [MODEL])
  await database.run(
    savePartialsIfHeld([{ ...batch.held[0], responseText: 'So f', reasoningText: '' }]),
  )
  await database.query("UPDATE task_partials SET updated_at = now() - interval '61 min'")
  return batch
}

async function partialsLeft(): Promise<string[]> {
  const rows = await database.query<{ task_id: string }>('SELECT task_id FROM task_partials')
  return rows.map(({ task_id }) => task_id)
}

/** One sweep forgets what another is just about to; fails where it has to wait. */
async function forgetInTwoSweeps(): Promise<void> {
  const [one, two] = [await openSession(database), await openSession(database)]
  await one.query('BEGIN')
  await one.run(forgetOldRows(10))
  await two.query("SET lock_timeout = '1 s'")
  await two.run(forgetOldRows(10))
  await one.query('COMMIT')
}

test('a key of 25 hours goes, one of 23 stays', async () => {
  await keyOfAge(25, 'old')
  await keyOfAge(23, 'young')
  expect(await database.run(forgetOldRows(10))).toEqual([{ keys: 1, lines: 0 }])
  expect(await keysLeft()).toEqual(['local young'])
})

test('the young key of another owner stays, though it is the same text', async () => {
  await keyOfAge(25, 'same', 'ada')
  await keyOfAge(1, 'same', 'bob')
  await database.run(forgetOldRows(10))
  expect(await keysLeft()).toEqual(['bob same'])
})

test('the young key of the same owner stays', async () => {
  await keyOfAge(25, 'old', 'ada')
  await keyOfAge(1, 'young', 'ada')
  await database.run(forgetOldRows(10))
  expect(await keysLeft()).toEqual(['ada young'])
})

test('no more keys than the limit go at a time, the oldest first', async () => {
  await keyOfAge(30, 'second')
  await keyOfAge(40, 'first')
  await keyOfAge(25, 'third')
  expect(await database.run(forgetOldRows(2))).toEqual([{ keys: 2, lines: 0 }])
  expect(await keysLeft()).toEqual(['local third'])
})

test('a key that another sweep is about to forget is left to it, and nobody waits', async () => {
  await keyOfAge(30, 'old')
  await forgetInTwoSweeps()
  expect(await keysLeft()).toEqual([])
})

/** What a sweep does to the tasks of a dead worker; their texts stay behind. */
async function lose(held: Held[]): Promise<void> {
  await database.query(
    "UPDATE tasks SET lease_expires_at = now() - interval '1 s' WHERE id = ANY ($1)",
    [held.map(({ taskId }) => taskId)],
  )
  await database.run(reapTasksIfExpired('now', 1, 10))
}

test('the text of a running call stays', async () => {
  await lose((await writing()).held)
  const { held } = await writing()
  await database.run(forgetOldRows(10))
  expect(await partialsLeft()).toEqual([held[0].taskId])
})

test('the text of a task that is gone goes', async () => {
  const { conversationId } = await writing()
  await database.query('DELETE FROM conversations WHERE id = $1', [conversationId])
  await database.run(forgetOldRows(10))
  expect(await partialsLeft()).toEqual([])
})

test('the text of a task that is gone goes, though another runs at the same fence', async () => {
  const gone = await writing()
  const runs = await writing()
  await database.query('DELETE FROM conversations WHERE id = $1', [gone.conversationId])
  await database.run(forgetOldRows(10))
  expect(await partialsLeft()).toEqual([runs.held[0].taskId])
})

test('the text of a call that has lost its task to another goes', async () => {
  const { held } = await writing()
  await lose(held)
  await database.query(
    `UPDATE tasks SET status = 3, fence = 3, lease_expires_at = now() + interval '1 min',
       worker_id = 'w', worker_key = 1 WHERE id = $1`,
    [held[0].taskId],
  )
  await database.run(forgetOldRows(10))
  expect(await partialsLeft()).toEqual([])
})

test('a text left behind by a call that has ended goes', async () => {
  const { held } = await processing(database, [MODEL])
  await database.run(finishTasksIfHeld([failure(held[0])]))
  await database.query(
    "INSERT INTO task_partials VALUES ($1, 1, 'So f', '', now() - interval '61 min')",
    [held[0].taskId],
  )
  await database.run(forgetOldRows(10))
  expect(await partialsLeft()).toEqual([])
})

test('the text of a call that has ended stays while it may still be written', async () => {
  const { held } = await writing()
  await lose(held)
  await database.query("UPDATE task_partials SET updated_at = now() - interval '59 min'")
  await database.run(forgetOldRows(10))
  expect(await partialsLeft()).toEqual([held[0].taskId])
})

test('no more texts than the limit go at a time', async () => {
  for (let i = 0; i < 3; i++) await lose((await writing()).held)
  await database.run(forgetOldRows(2))
  expect(await partialsLeft()).toHaveLength(1)
})

test('a text that another sweep is about to forget is left to it, and nobody waits', async () => {
  await lose((await writing()).held)
  await forgetInTwoSweeps()
  expect(await partialsLeft()).toEqual([])
})

test('a node that registered itself and has been silent for a day is forgotten, unless it still holds a task', async () => {
  const DAY_S = 24 * 3_600
  const gone = await node(database, { selfRegistered: true, silentS: DAY_S + 60 })
  const kept = [
    await node(database, { selfRegistered: true, silentS: DAY_S - 60 }),
    await node(database, { silentS: DAY_S + 60 }),
    await node(database, { selfRegistered: true, silentS: DAY_S + 60 }),
  ]
  const { held } = await processing(database, ['qwen3'])
  await database.query('UPDATE tasks SET node_id = $2 WHERE id = $1', [held[0].taskId, kept[2]])
  await database.run(forgetOldRows(10))
  const rows = await database.query('SELECT id FROM gemini_service_nodes WHERE id = ANY ($1)', [
    [gone, ...kept],
  ])
  expect(rows.map(({ id }) => id).toSorted()).toEqual(kept.toSorted())
})

/** A line of the log, of so many days ago. */
async function lineOfAge(days: number, level = 'error'): Promise<void> {
  await database.query(
    `INSERT INTO sys_logs (id, level, source, code, message, created_at)
     VALUES (gen_random_uuid(), $1, 'test', 'code', $2::text, now() - $2::text::integer * interval '1 day')`,
    [level, days],
  )
}

async function linesLeft(): Promise<string[]> {
  const rows = await database.query<{ line: string }>(
    "SELECT level || ' ' || message AS line FROM sys_logs",
  )
  await database.query('DELETE FROM sys_logs')
  return rows.map(({ line }) => line).toSorted()
}

test('a line of the log goes after 30 days, one that says who did something stays', async () => {
  for (const days of [29, 31]) await lineOfAge(days)
  await lineOfAge(31, 'audit')
  expect(await database.run(forgetOldRows(10))).toEqual([{ keys: 0, lines: 1 }])
  expect(await linesLeft()).toEqual(['audit 31', 'error 29'])
})

test('no more lines than the limit go at a time, the oldest first', async () => {
  for (const days of [33, 35, 32]) await lineOfAge(days)
  expect(await database.run(forgetOldRows(2))).toEqual([{ keys: 0, lines: 2 }])
  expect(await linesLeft()).toEqual(['error 32'])
})

test('a line that another sweep is about to forget is left to it, and nobody waits', async () => {
  await lineOfAge(31)
  await forgetInTwoSweeps()
  expect(await linesLeft()).toEqual([])
})
