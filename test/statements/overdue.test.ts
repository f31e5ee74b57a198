import { expect, test } from 'vitest'
import { findBatch } from '../../drizzle/statements/find-batch.ts'
import { findTask } from '../../drizzle/statements/find-task.ts'
import { processing, submitted } from '../setup/task-states.ts'
import { useDatabase } from '../setup/use-database.ts'

const MODELS = ['qwen3:1.7b', 'gemini-2.5-flash', 'deepseek-r1:1.5b']
const database = useDatabase()

const set = (taskId: string, assignments: string) =>
  database.query(`UPDATE tasks SET ${assignments} WHERE id = $1`, [taskId])

/** What a poll of the batch says, and one of its second task. */
async function overdue({ batchId, tasks }: { batchId: string; tasks: { id: string }[] }) {
  const [batch] = await database.run(findBatch('local', batchId))
  const [task] = await database.run(findTask('local', tasks[1]!.id))
  return [batch!.overdue, task!.overdue]
}

const NO = [false, false]
const YES = [true, true]

test('a task that was rung a moment ago is not overdue', async () => {
  const batch = await submitted(database, MODELS)
  expect(await overdue(batch)).toEqual(NO)
  await set(batch.tasks[1]!.id, "rung_at = now() - interval '8 s'")
  expect(await overdue(batch)).toEqual(NO)
})

test('a task that waits longer than 10 s since it was rung is overdue', async () => {
  const batch = await submitted(database, MODELS)
  await set(batch.tasks[1]!.id, "rung_at = now() - interval '11 s'")
  expect(await overdue(batch)).toEqual(YES)
})

test('a task that is due and was not rung is overdue, and one that is not due is not', async () => {
  const batch = await submitted(database, MODELS)
  await set(batch.tasks[1]!.id, "rung_at = NULL, run_after = now() - interval '1 ms'")
  expect(await overdue(batch)).toEqual(YES)
  await set(batch.tasks[1]!.id, "run_after = now() + interval '1 min'")
  expect(await overdue(batch)).toEqual(NO)
  await set(batch.tasks[1]!.id, "rung_at = now() - interval '1 h'")
  expect(await overdue(batch)).toEqual(NO)
})

test('a task whose lease ran out longer than 10 s ago is overdue', async () => {
  const batch = await processing(database, MODELS)
  await set(batch.tasks[1]!.id, "lease_expires_at = now() - interval '8 s'")
  expect(await overdue(batch)).toEqual(NO)
  await set(batch.tasks[1]!.id, "lease_expires_at = now() - interval '11 s'")
  expect(await overdue(batch)).toEqual(YES)
})

test('a task that is run, or has ended, is not overdue', async () => {
  const batch = await processing(database, MODELS)
  await set(batch.tasks[1]!.id, "rung_at = now() - interval '1 h'")
  expect(await overdue(batch)).toEqual(NO)
  await set(
    batch.tasks[1]!.id,
    'status = 4, lease_expires_at = NULL, finished_at = now(), rung_at = NULL',
  )
  expect(await overdue(batch)).toEqual(NO)
})

test("another batch's task, and another task of the batch, do not make one overdue", async () => {
  const other = await submitted(database, MODELS)
  const batch = await submitted(database, MODELS)
  await set(other.tasks[1]!.id, "rung_at = now() - interval '11 s'")
  expect(await overdue(batch)).toEqual(NO)
  await set(batch.tasks[0]!.id, "rung_at = now() - interval '11 s'")
  expect(await overdue(batch)).toEqual([true, false])
})
