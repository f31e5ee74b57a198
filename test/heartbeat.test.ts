import { expect, test } from 'vitest'
import { claimTasksIfPending } from '../drizzle/statements/claim-tasks-if-pending.ts'
import { savePartials } from '../workers-node/heartbeat.ts'
import { RunningCall, RunningCalls } from '../workers-node/running-call.ts'
import { openSession } from './setup/session.ts'
import { claimed, claimOf, HOLDER, submitted } from './setup/task-states.ts'
import { useDatabase } from './setup/use-database.ts'

const database = useDatabase()

const texts = async () => {
  const rows = await database.query('SELECT response_text FROM task_partials')
  return rows.map(({ response_text }) => response_text).toSorted()
}

test('a text that could not be kept is kept the next time, though it has not grown', async () => {
  const batch = await submitted(database, ['qwen3', 'qwen3'])
  const calls = new RunningCalls()
  for (const [i, task] of (await claimed(database, batch)).entries()) {
    const call = new RunningCall(task)
    call.responseText = `text ${i}`
    calls.add(call)
  }
  const other = await openSession(database)
  await other.query('BEGIN')
  // A doubled message locks the task of which it finds that it is stale.
  await other.run(claimTasksIfPending([claimOf(batch.tasks[0]!)], HOLDER))
  await savePartials(database, calls)
  expect(await texts()).toEqual(['text 1'])
  await other.query('COMMIT')
  await savePartials(database, calls)
  expect(await texts()).toEqual(['text 0', 'text 1'])
})

test('a call knows of the save of its text that is under way, however it ends', async () => {
  const batch = await submitted(database, ['qwen3'])
  const calls = new RunningCalls()
  const call = new RunningCall((await claimed(database, batch))[0]!)
  call.responseText = 'text'
  calls.add(call)
  const { promise, reject } = Promise.withResolvers<never>()
  let over = false
  const saving = savePartials({ run: () => promise }, calls)
  void call.saved.then(() => {
    over = true
  })
  await new Promise((resolve) => setTimeout(resolve, 20))
  expect(over).toBe(false)
  reject(new Error('away'))
  await expect(saving).rejects.toThrow('away')
  await call.saved
})
