import { beforeEach, expect, test } from 'vitest'
import { cancelTasksIfOpen } from '../../drizzle/statements/cancel-tasks-if-open.ts'
import { ringTasksIfDue } from '../../drizzle/statements/ring-tasks-if-due.ts'
import { TRACEPARENT } from '../setup/new-batch.ts'
import { openSession } from '../setup/session.ts'
import { processing, submitted, taskRow } from '../setup/task-states.ts'
import { useDatabase } from '../setup/use-database.ts'

const MODEL = 'qwen3:1.7b'
const database = useDatabase()

beforeEach(async () => {
  await database.query('DELETE FROM conversations')
})

/** Tasks that were put off until so many seconds ago, and not rung since; gives their ids. */
async function dueSince(...seconds: number[]): Promise<string[]> {
  const { tasks } = await submitted(database, Array(seconds.length).fill(MODEL))
  for (const [i, { id }] of tasks.entries()) {
    await database.query(
      "UPDATE tasks SET rung_at = NULL, run_after = now() - $2 * interval '1 s' WHERE id = $1",
      [id, seconds[i]],
    )
  }
  return tasks.map(({ id }) => id)
}

async function rung(limit = 10): Promise<string[]> {
  const rows = await database.run(ringTasksIfDue(limit))
  return rows.map(({ task_id }) => task_id).toSorted()
}

test('a task that was put off and is due is rung, and tells how', async () => {
  const [id] = await dueSince(1)
  await database.query('UPDATE tasks SET fence = 4, waiting_since = now() WHERE id = $1', [id])
  expect(await database.run(ringTasksIfDue(10))).toEqual([
    { task_id: id, fence: 4, family: 'qwen', traceparent: TRACEPARENT },
  ])
  const row = await taskRow(database, id!, "*, rung_at > now() - interval '1 min' AS rung_now")
  expect(row).toMatchObject({ status: 0, fence: 4, rung_now: true })
  expect(row?.waiting_since).not.toBeNull()
})

test('a ring is noted, so that a second look finds nothing', async () => {
  const [id] = await dueSince(1)
  expect(await rung()).toEqual([id])
  expect(await rung()).toEqual([])
})

test('a task that is not due yet is left alone', async () => {
  await dueSince(-3_600)
  expect(await rung()).toEqual([])
})

test('a task that was rung already is left alone', async () => {
  await submitted(database, [MODEL])
  expect(await rung()).toEqual([])
})

test('a task that runs or has ended is not rung', async () => {
  const { held } = await processing(database, [MODEL, MODEL])
  await database.run(cancelTasksIfOpen('local', { taskIds: [held[0].taskId] }))
  await database.query('UPDATE tasks SET rung_at = NULL')
  expect(await rung()).toEqual([])
})

test('no more than the limit is rung at a time, the longest due first', async () => {
  const [second, first, third] = await dueSince(20, 30, 10)
  expect(await rung(1)).toEqual([first])
  expect(await rung(1)).toEqual([second])
  expect(await rung(5)).toEqual([third])
})

test('a task that another sweep is ringing is left to it, and nobody waits', async () => {
  const [theirs, mine] = await dueSince(20, 10)
  const [other, sweeper] = [await openSession(database), await openSession(database)]
  await other.query('BEGIN')
  expect(await other.run(ringTasksIfDue(1))).toMatchObject([{ task_id: theirs }])
  await sweeper.query("SET lock_timeout = '1 s'")
  expect(await sweeper.run(ringTasksIfDue(10))).toMatchObject([{ task_id: mine }])
  await other.query('COMMIT')
})
