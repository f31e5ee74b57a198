import { afterAll, beforeAll, expect, test } from 'vitest'
import { submitBatch } from '../../drizzle/statements/submit-batch.ts'
import { openPostgres } from '../../workers-node/postgres.ts'
import { createDatabase, type TestDatabase } from '../setup/database.ts'
import { newBatch } from '../setup/new-batch.ts'

let database: TestDatabase
let postgres: ReturnType<typeof openPostgres>

beforeAll(async () => {
  database = await createDatabase()
  postgres = openPostgres(database.url, { connections: 2, statementTimeoutMs: 5000 })
})
afterAll(async () => {
  await postgres.close()
  await database.drop()
})

test('stores conversation, batch and tasks', async () => {
  const batch = newBatch(['gemini-2.5-flash', 'qwen3:1.7b'])
  const rows = await postgres.run(submitBatch(batch))
  expect(rows.map(({ task_id }) => task_id)).toEqual(batch.tasks.map(({ id }) => id))
  expect(rows[0]).toMatchObject({ fresh: true, status: 0, fence: 0, batch_id: batch.batchId })
})
