import { expect, test } from 'vitest'
import { countQueues } from '../../drizzle/statements/count-queues.ts'
import { readsOf, readsOfPrepared, useColdBacklog } from '../setup/cold-backlog.ts'
import { processing, submitted } from '../setup/task-states.ts'
import { useDatabase } from '../setup/use-database.ts'

const database = useDatabase()
useColdBacklog(database)

const FAMILIES = ['deepseek', 'qwen', 'gemini']
/** Never through all tasks. */
const BY_INDEX = ['tasks_on_node', 'tasks_pending_by_rung']

test('with cold statistics the backlog is not read as a whole', async () => {
  expect(await readsOf(database, countQueues(FAMILIES, 100))).toEqual(BY_INDEX)
  expect(await readsOfPrepared(database, countQueues(FAMILIES, 100))).toEqual(BY_INDEX)
})

test('what waits and what runs is counted by family, in the order asked, up to the limit', async () => {
  await submitted(database, ['deepseek-chat', 'deepseek-chat'])
  await processing(database, ['deepseek-chat', 'gemini-2.5-pro'])
  const rows = await database.run(countQueues(FAMILIES, 3))
  expect(rows).toMatchObject([
    { family: 'deepseek', waiting: 2, running: 1 },
    { family: 'qwen', waiting: 3, running: 0 },
    { family: 'gemini', waiting: 0, running: 1, oldest_waiting_s: null },
  ])
})

test('the oldest is that which was submitted first, however often it was rung since', async () => {
  const { tasks } = await submitted(database, ['gemini-2.5-pro', 'gemini-2.5-pro'])
  await database.query(
    "UPDATE tasks SET created_at = now() - interval '1 hour', rung_at = NULL WHERE id = $1",
    [tasks[0]!.id],
  )
  const [row] = await database.run(countQueues(['gemini'], 100))
  expect(row!.oldest_waiting_s).toBeGreaterThanOrEqual(3600)
  expect(row!.oldest_waiting_s).toBeLessThan(3700)
  // What is not rung comes last, where not all are looked at.
  const [first] = await database.run(countQueues(['gemini'], 1))
  expect(first!.waiting).toBe(1)
  expect(first!.oldest_waiting_s).toBeLessThan(3600)
})
