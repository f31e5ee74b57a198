import { v7 as uuidv7 } from 'uuid'
import { expect, test } from 'vitest'
import { chooseAnswerIfNewest } from '../../drizzle/statements/choose-answer-if-newest.ts'
import { submitBatch } from '../../drizzle/statements/submit-batch.ts'
import { newBatch } from '../setup/new-batch.ts'
import { race } from '../setup/session.ts'
import { answered, batchRow, claimed, next, processing, submitted } from '../setup/task-states.ts'
import { useDatabase } from '../setup/use-database.ts'

const GEMINI = 'gemini-2.5-flash'
const QWEN = 'qwen3:1.7b'
const BOTH = [GEMINI, QWEN]
const database = useDatabase()

async function choose(batchId: string, taskId: string | null, owner = 'local') {
  const [choice] = await database.run(chooseAnswerIfNewest(owner, batchId, taskId))
  return choice?.verdict
}

/** What the next turn gives each model to see of the last one. */
async function seenNext(batch: Parameters<typeof next>[0]) {
  const tasks = await claimed(database, await submitted(database, BOTH, next(batch)))
  return tasks.map(({ history }) => history.at(-1)?.answer)
}

test('the chosen answer is what every model sees of the turn', async () => {
  const batch = await answered(database, BOTH, ['of gemini', 'of qwen'])
  expect(await choose(batch.batchId, batch.tasks[1]!.id)).toBe('chosen')
  expect(await seenNext(batch)).toEqual(['of qwen', 'of qwen'])
})

test('a choice can be changed, and taken back; the version of the batch says so', async () => {
  const batch = await answered(database, BOTH, ['of gemini', 'of qwen'])
  const { version } = (await batchRow(database, batch.batchId))!
  await choose(batch.batchId, batch.tasks[1]!.id)
  await choose(batch.batchId, batch.tasks[0]!.id)
  const row = { chosen_task_id: batch.tasks[0]!.id, version: version + 2 }
  expect(await batchRow(database, batch.batchId)).toMatchObject(row)
  expect(await choose(batch.batchId, batch.tasks[0]!.id)).toBe('chosen')
  expect(await batchRow(database, batch.batchId)).toMatchObject(row)
  expect(await choose(batch.batchId, null)).toBe('chosen')
  expect(await batchRow(database, batch.batchId)).toMatchObject({
    chosen_task_id: null,
    version: version + 3,
  })
  expect(await seenNext(batch)).toEqual(['of gemini', 'of qwen'])
})

test('a choice in one turn says nothing of another', async () => {
  const one = await answered(database, BOTH, ['g1', 'q1'])
  await choose(one.batchId, one.tasks[0]!.id)
  const two = await answered(database, BOTH, ['g2', 'q2'], next(one))
  expect(await batchRow(database, two.batchId)).toMatchObject({ chosen_task_id: null })
  const tasks = await claimed(database, await submitted(database, BOTH, next(one)))
  expect(tasks.map(({ history }) => history.map(({ answer }) => answer))).toEqual([
    ['g1', 'g2'],
    ['g1', 'q2'],
  ])
})

test('what has no answer, or is of another batch, is not chosen', async () => {
  const runs = await processing(database, [QWEN])
  const mixed = await answered(database, BOTH, ['of gemini', null])
  const other = await answered(database, [QWEN], ['of another'])
  expect(await choose(runs.batchId, runs.tasks[0]!.id)).toBe('unanswered')
  expect(await choose(mixed.batchId, mixed.tasks[1]!.id)).toBe('unanswered')
  expect(await choose(mixed.batchId, other.tasks[0]!.id)).toBe('foreign')
  expect(await choose(mixed.batchId, uuidv7())).toBe('foreign')
  expect(await batchRow(database, mixed.batchId)).toMatchObject({ chosen_task_id: null })
})

test('a batch of another owner is not found, nor is one that does not exist', async () => {
  const batch = await answered(database, [QWEN], ['a'])
  expect(await choose(batch.batchId, batch.tasks[0]!.id, 'ada')).toBeUndefined()
  expect(await choose(uuidv7(), null)).toBeUndefined()
  expect(await batchRow(database, batch.batchId)).toMatchObject({ chosen_task_id: null })
})

test('once the conversation has gone on, nothing is chosen and nothing taken back', async () => {
  const batch = await answered(database, BOTH, ['of gemini', 'of qwen'])
  await choose(batch.batchId, batch.tasks[1]!.id)
  const later = await submitted(database, BOTH, next(batch))
  expect(await choose(batch.batchId, batch.tasks[0]!.id)).toBe('past')
  expect(await choose(batch.batchId, null)).toBe('past')
  const tasks = await claimed(database, later)
  expect(tasks.map(({ history }) => history.at(-1)?.answer)).toEqual(['of qwen', 'of qwen'])
})

test('a prompt that goes first leaves nothing to choose', async () => {
  const batch = await answered(database, BOTH, ['of gemini', 'of qwen'])
  const { second } = await race(
    database,
    submitBatch(newBatch([QWEN], next(batch))),
    chooseAnswerIfNewest('local', batch.batchId, batch.tasks[1]!.id),
  )
  expect(second).toEqual([{ verdict: 'past' }])
  expect(await batchRow(database, batch.batchId)).toMatchObject({ chosen_task_id: null })
})
