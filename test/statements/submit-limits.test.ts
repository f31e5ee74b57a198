import { expect, test } from 'vitest'
import { submitBatch } from '../../drizzle/statements/submit-batch.ts'
import { readsOf, readsOfPrepared, useColdBacklog } from '../setup/cold-backlog.ts'
import { newBatch, newFile } from '../setup/new-batch.ts'
import { claimed, next, submitted } from '../setup/task-states.ts'
import { useDatabase } from '../setup/use-database.ts'

const ONE = ['qwen3:1.7b']
const THREE = ['qwen3:1.7b', 'deepseek-chat', 'gemini-2.5-flash']
const database = useDatabase()
useColdBacklog(database)

/** More than the backlog of one owner, so that only what a test means to limit is limited. */
const NONE = { openTasks: 0, queueDepth: 0 }

async function stored() {
  const [counts] = await database.query(`SELECT
    (SELECT count(*)::int FROM conversations) AS conversations,
    (SELECT sum(turns)::int FROM conversations) AS turns,
    (SELECT count(*)::int FROM batches) AS batches,
    (SELECT count(*)::int FROM tasks) AS tasks,
    (SELECT count(*)::int FROM files) AS files,
    (SELECT count(*)::int FROM idempotency_keys) AS keys`)
  return counts
}

const refused = async (...given: Parameters<typeof newBatch>) =>
  (await database.run(submitBatch(newBatch(...given)))).map(({ refused }) => refused)

test('an owner has as many open tasks as the limit, and not one more; nothing is stored', async () => {
  const limits = { ...NONE, openTasks: 5 }
  const first = await submitted(database, THREE, { owner: 'ada', limits })
  expect(await refused(['qwen3', 'qwen4'], { owner: 'ada', limits })).toEqual([null, null])
  const before = await stored()
  const given = { ...next(first), limits, files: [newFile()] }
  expect(await refused(ONE, given)).toEqual(['open_tasks'])
  expect(await stored()).toEqual(before)
})

test('more tasks than the limit are too many for an owner who has none', async () => {
  expect(await refused(THREE, { owner: 'bea', limits: { ...NONE, openTasks: 2 } })).toEqual([
    'open_tasks',
  ])
})

test('tasks that run count, those that have ended do not, nor do those of others', async () => {
  const limits = { ...NONE, openTasks: 3 }
  const batch = await submitted(database, THREE, { owner: 'cy', limits })
  await claimed(database, batch)
  expect(await refused(ONE, { owner: 'cy', limits })).toEqual(['open_tasks'])
  await database.query(
    `UPDATE tasks SET status = 4, lease_expires_at = NULL, finished_at = now() WHERE id = $1`,
    [batch.tasks[0]!.id],
  )
  expect(await refused(ONE, { owner: 'cy', limits })).toEqual([null])
  expect(await refused(ONE, { owner: 'cx', limits })).toEqual([null])
})

test('a family has as many waiting tasks as the limit, and not one more', async () => {
  const [{ waiting }] = (await database.query(
    "SELECT count(*)::int AS waiting FROM tasks WHERE family = 'qwen' AND status = 0",
  )) as [{ waiting: number }]
  const limits = { ...NONE, queueDepth: waiting + 2 }
  const before = await stored()
  expect(await refused(['deepseek-chat', 'qwen3', 'qwen4', 'qwen5'], { limits })).toEqual([
    'queue_depth',
  ])
  expect(await stored()).toEqual(before)
  expect(await refused(['deepseek-chat', 'qwen3', 'qwen4'], { limits })).toEqual([null, null, null])
  expect(await refused(ONE, { limits })).toEqual(['queue_depth'])
  expect(await refused(['deepseek-chat'], { limits })).toEqual([null])
})

test('tasks that run do not wait', async () => {
  await database.query("DELETE FROM tasks WHERE family = 'gemini'")
  const limits = { ...NONE, queueDepth: 1 }
  const batch = await submitted(database, ['gemini-2.5-flash'], { limits })
  expect(await refused(['gemini-2.5-flash'], { limits })).toEqual(['queue_depth'])
  await claimed(database, batch)
  expect(await refused(['gemini-2.5-flash'], { limits })).toEqual([null])
})

test('a known key finds its batch whatever is open; one that is too old does not', async () => {
  const limits = { openTasks: 1, queueDepth: 1 }
  const { idempotencyKey, batchId } = await submitted(database, ONE, { owner: 'dan' })
  const again = () => submitBatch(newBatch(ONE, { owner: 'dan', idempotencyKey, limits }))
  expect(await database.run(again())).toMatchObject([{ refused: null, batch_id: batchId }])
  await database.query(
    "UPDATE idempotency_keys SET created_at = now() - interval '25 h' WHERE key = $1",
    [idempotencyKey],
  )
  expect(await database.run(again())).toMatchObject([{ refused: 'open_tasks', batch_id: null }])
})

test.each([
  'cold',
  'known',
])('with %s statistics the limits are counted by their indexes alone', async (statistics) => {
  if (statistics === 'known') await database.query('ANALYZE tasks')
  const submit = submitBatch(newBatch(THREE, { limits: { openTasks: 200, queueDepth: 10_000 } }))
  const indexes = ['tasks_open_by_owner', 'tasks_pending_by_rung', 'tasks_pkey']
  expect(await readsOf(database, submit)).toEqual(indexes)
  expect(await readsOfPrepared(database, submit)).toEqual(indexes)
})
