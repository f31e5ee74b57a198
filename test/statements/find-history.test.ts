import { v7 as uuidv7 } from 'uuid'
import { expect, test } from 'vitest'
import { batch as batchShape } from '../../drizzle/contract/http-api.ts'
import { findHistory } from '../../drizzle/statements/find-history.ts'
import { finishTasksIfHeld } from '../../drizzle/statements/finish-tasks-if-held.ts'
import { answered, next, processing, submitted, success } from '../setup/task-states.ts'
import { useDatabase } from '../setup/use-database.ts'

const MODELS = ['qwen3:1.7b', 'gemini-2.5-flash']
const database = useDatabase()

/** A conversation of this many turns, with the ids of its batches. */
async function conversation(turns: number) {
  const first = await submitted(database, MODELS, { title: 'Sky', prompt: 'p1' })
  const ids = [first.batchId]
  for (let turn = 2; turn <= turns; turn++) {
    const { batchId } = await submitted(database, MODELS, { ...next(first), prompt: `p${turn}` })
    ids.push(batchId)
  }
  return { id: first.conversationId, ids }
}

test('the batches come oldest first, with title and turns, in the shape of the contract', async () => {
  const { id, ids } = await conversation(3)
  const rows = await database.run(findHistory('local', id, { afterTurn: 0, limit: 10 }))
  expect(rows.map(({ title, turn, batch }) => [title, turn, batch?.batch_id])).toEqual([
    ['Sky', 1, ids[0]],
    ['Sky', 2, ids[1]],
    ['Sky', 3, ids[2]],
  ])
  for (const { batch } of rows) {
    const parsed = batchShape.strict().parse({ ...batch, poll_after_ms: 1000 })
    expect(parsed.results.map(({ model }) => model)).toEqual(MODELS)
  }
})

test('a page starts after its turn and holds no more than its limit', async () => {
  const { id } = await conversation(4)
  const turnsOf = async (after: number, limit: number) =>
    (await database.run(findHistory('local', id, { afterTurn: after, limit }))).map(
      ({ turn }) => turn,
    )
  expect(await turnsOf(0, 2)).toEqual([1, 2])
  expect(await turnsOf(2, 2)).toEqual([3, 4])
  expect(await turnsOf(3, 10)).toEqual([4])
})

test('a page past the end tells the title and no batch', async () => {
  const { id } = await conversation(1)
  expect(await database.run(findHistory('local', id, { afterTurn: 1, limit: 10 }))).toEqual([
    { title: 'Sky', turns: 1, turn: null, batch: null },
  ])
})

test('a conversation of another owner is not found, nor is one that does not exist', async () => {
  const { id } = await conversation(1)
  expect(await database.run(findHistory('bob', id, { afterTurn: 0, limit: 10 }))).toEqual([])
  expect(await database.run(findHistory('local', uuidv7(), { afterTurn: 0, limit: 10 }))).toEqual(
    [],
  )
})

test('the batches of another conversation are not in it', async () => {
  await conversation(3)
  const { id, ids } = await conversation(1)
  const rows = await database.run(findHistory('local', id, { afterTurn: 0, limit: 10 }))
  expect(rows.map(({ batch }) => batch?.batch_id)).toEqual(ids)
})

test('a page holds no batch that begins after so many bytes of text, but always one', async () => {
  const first = await answered(database, MODELS, ['a'.repeat(1000), 'b'], { prompt: 'ä' })
  const texts = ['a'.repeat(400), 'a'.repeat(400), 'c']
  for (const text of texts) await answered(database, MODELS, [text, 'b'], next(first))
  const turnsOf = async (maxBytes: number) => {
    const page = { afterTurn: 0, limit: 10, maxBytes }
    const rows = await database.run(findHistory('local', first.conversationId, page))
    expect(rows[0]?.turns).toBe(4)
    return rows.map(({ turn }) => turn)
  }
  expect(await turnsOf(0)).toEqual([1])
  // Of the first: 1000 and 1 of the answers, 2 of the prompt.
  expect(await turnsOf(1002)).toEqual([1])
  expect(await turnsOf(1003)).toEqual([1, 2])
  expect(await turnsOf(1500)).toEqual([1, 2, 3])
  expect(await turnsOf(5000)).toEqual([1, 2, 3, 4])
})

test('reasoning counts as text of a page', async () => {
  const first = await processing(database, MODELS)
  await database.run(
    finishTasksIfHeld([success(first.held[0], 'a', { reasoningText: 'r'.repeat(500) })]),
  )
  await submitted(database, MODELS, next(first))
  const page = { afterTurn: 0, limit: 10, maxBytes: 300 }
  expect(await database.run(findHistory('local', first.conversationId, page))).toHaveLength(1)
})
