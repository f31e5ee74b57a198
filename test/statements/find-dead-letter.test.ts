import { v7 as uuidv7 } from 'uuid'
import { expect, test } from 'vitest'
import { findDeadLetter } from '../../drizzle/statements/find-dead-letter.ts'
import { deadMessage, failed } from '../setup/dead-letters.ts'
import { useDatabase } from '../setup/use-database.ts'

const database = useDatabase()

test('a dead letter of a task is found in full, with the state of its task', async () => {
  const batch = await failed(database)
  await failed(database)
  const { taskId, letterId } = batch.failed[0]
  await database.query(
    "UPDATE dead_letters SET copied_at = '2026-01-30Z', replayed_at = '2026-01-31Z' WHERE id = $1",
    [letterId],
  )
  const rows = await database.run(findDeadLetter(letterId))
  expect(rows).toMatchObject([
    {
      id: letterId,
      kind: 'task',
      source: 'qwen',
      original_id: taskId,
      payload: expect.stringContaining(batch.batchId),
      error_code: 'model_timeout',
      error_msg: 'Too slow.',
      created_at: expect.stringMatching(/Z$/),
      copied_at: '2026-01-30T00:00:00.000Z',
      replayed_at: '2026-01-31T00:00:00.000Z',
      task_status: 2,
    },
  ])
})

test('a message has no task, nor has a dead letter whose task was deleted', async () => {
  const message = await deadMessage(database)
  const batch = await failed(database)
  await database.query('DELETE FROM batches WHERE id = $1', [batch.batchId])
  for (const id of [message, batch.failed[0].letterId]) {
    expect(await database.run(findDeadLetter(id))).toMatchObject([{ id, task_status: null }])
  }
})

test('what there is not gives no row', async () => {
  await deadMessage(database)
  expect(await database.run(findDeadLetter(uuidv7()))).toEqual([])
})
