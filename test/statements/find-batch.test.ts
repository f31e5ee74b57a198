import { v7 as uuidv7 } from 'uuid'
import { expect, test } from 'vitest'
import { batch as batchShape } from '../../drizzle/contract/http-api.ts'
import type { StoredBatch } from '../../drizzle/statements/as-json.ts'
import { findBatch } from '../../drizzle/statements/find-batch.ts'
import { finishTasksIfHeld } from '../../drizzle/statements/finish-tasks-if-held.ts'
import { releaseTasksIfHeld } from '../../drizzle/statements/release-tasks-if-held.ts'
import type { Held } from '../../drizzle/statements/renew-leases-if-held.ts'
import { savePartialsIfHeld } from '../../drizzle/statements/save-partials-if-held.ts'
import { answered, drained, failure, processing, submitted, success } from '../setup/task-states.ts'
import { useDatabase } from '../setup/use-database.ts'

const MODELS = ['qwen3:1.7b', 'gemini-2.5-flash', 'deepseek-r1:1.5b']
const database = useDatabase()

async function found({ owner, batchId }: { owner: string; batchId: string }) {
  const rows = await database.run(findBatch(owner, batchId))
  return rows[0]?.batch as StoredBatch
}

function writes(held: Held, responseText: string, reasoningText = '') {
  return database.run(savePartialsIfHeld([{ ...held, responseText, reasoningText }]))
}

test('a batch in every state of its tasks has the shape of the contract', async () => {
  const stored = await processing(database, [...MODELS, MODELS[0]!])
  await database.run(
    finishTasksIfHeld([
      success(stored.held[0], 'The answer', {
        usage: { input_tokens: 1, output_tokens: 2, reasoning_tokens: null, cached_tokens: 0 },
        finishReason: 'stop',
      }),
      failure(stored.held[1]!),
    ]),
  )
  await database.run(releaseTasksIfHeld(drained([stored.held[2]!])))
  const batch = await found(stored)
  expect(batchShape.strict().parse({ ...batch, poll_after_ms: 1000 })).toMatchObject({
    batch_id: stored.batchId,
    conversation_id: stored.conversationId,
    status: 'PROCESSING',
    user_prompt: 'A prompt',
    mode: 'text',
    finished_at: null,
  })
  expect(batch.results.map(({ status }) => status)).toEqual([1, 2, 0, 3])
  expect(batch.results[0]).toMatchObject({
    response_text: 'The answer',
    usage: { input_tokens: 1 },
    finish_reason: 'stop',
  })
  expect(batch.results[1]).toMatchObject({ error_code: 'model_timeout', error_msg: 'Too slow.' })
})

test('a batch that has ended says when, and what each call cost in seconds', async () => {
  const stored = await processing(database, MODELS)
  await database.query(
    "UPDATE tasks SET started_at = now() - interval '2500 ms' WHERE batch_id = $1",
    [stored.batchId],
  )
  await database.run(finishTasksIfHeld(stored.held.map((held) => success(held))))
  const batch = await found(stored)
  expect(batchShape.parse({ ...batch, poll_after_ms: null })).toMatchObject({ status: 'COMPLETED' })
  expect(batch.finished_at).toMatch(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/)
  for (const { cost_time } of batch.results) {
    expect(cost_time).toBeGreaterThanOrEqual(2.5)
    expect(cost_time).toBeLessThan(30)
  }
})

test('the results come in the order of the request', async () => {
  const stored = await submitted(database, MODELS)
  await database.query('UPDATE tasks SET rung_at = now() WHERE batch_id = $1 AND position = 1', [
    stored.batchId,
  ])
  expect((await found(stored)).results.map(({ task_id }) => task_id)).toEqual(
    stored.tasks.map(({ id }) => id),
  )
})

test('a batch of another owner is not found, nor is one that does not exist', async () => {
  const { batchId } = await submitted(database, MODELS, { owner: 'ada' })
  expect(await database.run(findBatch('bob', batchId))).toEqual([])
  expect(await database.run(findBatch('ada', uuidv7()))).toEqual([])
})

test('only the batch asked for, and only its own tasks, are found', async () => {
  const other = await submitted(database, MODELS)
  const stored = await submitted(database, MODELS)
  const rows = await database.run(findBatch('local', stored.batchId))
  expect(rows).toHaveLength(1)
  expect(rows[0]?.batch?.results).toHaveLength(MODELS.length)
  expect(rows[0]?.batch?.batch_id).not.toBe(other.batchId)
})

test('while a model writes, its text so far is shown, each with its own', async () => {
  const stored = await processing(database, MODELS)
  await writes(stored.held[0], 'So f', 'Hm')
  await writes(stored.held[1]!, 'Another')
  const { results } = await found(stored)
  expect(results.map((one) => [one.response_text, one.reasoning_text])).toEqual([
    ['So f', 'Hm'],
    ['Another', null],
    [null, null],
  ])
})

test('the text of a call that has lost its task is not shown', async () => {
  const stored = await processing(database, MODELS)
  await writes(stored.held[0], 'So f', 'Hm')
  await database.query('UPDATE tasks SET fence = 3 WHERE id = $1', [stored.held[0].taskId])
  expect((await found(stored)).results[0]).toMatchObject({
    status: 3,
    response_text: null,
    reasoning_text: null,
  })
})

test('a text left behind by a call that has ended is not shown', async () => {
  const stored = await answered(database, MODELS, [null, 'An answer', null])
  for (const { id } of stored.tasks) {
    await database.query("INSERT INTO task_partials VALUES ($1, 1, 'So f', 'Hm')", [id])
  }
  const { results } = await found(stored)
  expect(results.map((one) => [one.response_text, one.reasoning_text])).toEqual([
    [null, null],
    ['An answer', null],
    [null, null],
  ])
})
