import { v7 as uuidv7 } from 'uuid'
import { expect, test } from 'vitest'
import { claimTasksIfPending } from '../../drizzle/statements/claim-tasks-if-pending.ts'
import { finishTasksIfHeld } from '../../drizzle/statements/finish-tasks-if-held.ts'
import { attach, storedFile } from '../setup/stored-files.ts'
import {
  answered,
  claimed,
  claimOf,
  HISTORY,
  HOLDER,
  next,
  processing,
  submitted,
  success,
} from '../setup/task-states.ts'
import { useDatabase } from '../setup/use-database.ts'

const GEMINI = 'gemini-2.5-flash'
const QWEN = 'qwen3:1.7b'
const DEEPSEEK = 'deepseek-r1:1.5b'
const database = useDatabase()

/** What a new batch of the conversation of `batch` gives its one task to see: [prompt, answer] a turn. */
async function historySeen(
  batch: { owner: string; conversationId: string },
  model: string,
  bounds: Partial<typeof HISTORY> = {},
) {
  const asking = await submitted(database, [model], {
    owner: batch.owner,
    conversationId: batch.conversationId,
  })
  const [task] = await claimed(database, asking, { ...HISTORY, ...bounds })
  return task?.history.map(({ prompt, answer }) => [prompt, answer])
}

/** Turns of one model, oldest first; the prompts are `p1`, `p2`, …, the answers as given. */
async function turns(answers: (string | null)[]) {
  let batch = await answered(database, [QWEN], [answers[0]!], { prompt: 'p1' })
  for (const [i, answer] of answers.entries()) {
    if (i === 0) continue
    batch = await answered(database, [QWEN], [answer], { ...next(batch), prompt: `p${i + 1}` })
  }
  return batch
}

test('the earlier turns come oldest first, each with its prompt and answer', async () => {
  const batch = await turns(['a1', 'a2', 'a3'])
  expect(await historySeen(batch, QWEN)).toEqual([
    ['p1', 'a1'],
    ['p2', 'a2'],
    ['p3', 'a3'],
  ])
})

test('a model sees its own answer of a turn', async () => {
  const batch = await answered(database, [GEMINI, QWEN], ['of gemini', 'of qwen'])
  expect(await historySeen(batch, QWEN)).toEqual([['A prompt', 'of qwen']])
  expect(await historySeen(batch, GEMINI)).toEqual([['A prompt', 'of gemini']])
})

test('a model without an answer of its own sees the first that succeeded', async () => {
  const batch = await processing(database, [GEMINI, QWEN])
  await database.run(finishTasksIfHeld([success(batch.held[1]!, 'first')]))
  await database.run(finishTasksIfHeld([success(batch.held[0], 'second')]))
  expect(await historySeen(batch, DEEPSEEK)).toEqual([['A prompt', 'first']])
})

test('of answers that ended together the one named first in the batch is seen', async () => {
  const batch = await answered(database, [GEMINI, QWEN], ['named first', 'named second'])
  const other = await answered(database, [QWEN, GEMINI], ['named first', 'named second'])
  expect(await historySeen(batch, DEEPSEEK)).toEqual([['A prompt', 'named first']])
  expect(await historySeen(other, DEEPSEEK)).toEqual([['A prompt', 'named first']])
})

test('a model whose own call failed sees the answer of another', async () => {
  const batch = await answered(database, [GEMINI, QWEN], ['of gemini', null])
  expect(await historySeen(batch, QWEN)).toEqual([['A prompt', 'of gemini']])
})

test('of two slots of one model each sees its own answers', async () => {
  const doubled = await submitted(database, [GEMINI, GEMINI])
  await database.query('UPDATE tasks SET slot = position - 1 WHERE batch_id = $1', [
    doubled.batchId,
  ])
  const tasks = await claimed(database, doubled)
  const held = tasks.map(({ id, fence }) => ({ taskId: id, fence }))
  await database.run(
    finishTasksIfHeld([success(held[0]!, 'of slot 0'), success(held[1]!, 'of slot 1')]),
  )
  const asking = await submitted(database, [GEMINI, GEMINI], next(doubled))
  await database.query('UPDATE tasks SET slot = position - 1 WHERE batch_id = $1', [asking.batchId])
  const seen = (await claimed(database, asking)).map(({ history }) => history)
  expect(seen).toEqual([
    [{ prompt: 'A prompt', files: [], answer: 'of slot 0', made: [] }],
    [{ prompt: 'A prompt', files: [], answer: 'of slot 1', made: [] }],
  ])
})

test('the own model counts for more than the slot', async () => {
  const batch = await answered(database, [GEMINI, QWEN], ['of gemini', 'of qwen'])
  await database.query('UPDATE tasks SET slot = 1 WHERE batch_id = $1 AND model = $2', [
    batch.batchId,
    QWEN,
  ])
  expect(await historySeen(batch, QWEN)).toEqual([['A prompt', 'of qwen']])
})

test('a failed turn leaves no trace, even where its text was kept', async () => {
  const batch = await turns(['a1', null, 'a3'])
  await database.query(
    "UPDATE tasks SET response_text = 'cut short' WHERE conversation_id = $1 AND status = 2",
    [batch.conversationId],
  )
  expect(await historySeen(batch, QWEN)).toEqual([
    ['p1', 'a1'],
    ['p3', 'a3'],
  ])
})

test('a failed turn takes no place from the turns that are kept', async () => {
  const batch = await turns(['a1', null])
  expect(await historySeen(batch, QWEN, { turns: 1 })).toEqual([['p1', 'a1']])
})

test('an answer that ended after the batch was made is not in its history', async () => {
  const slow = await processing(database, [QWEN], { prompt: 'slow' })
  const asking = await submitted(database, [QWEN], next(slow))
  await database.run(finishTasksIfHeld([success(slow.held[0], 'too late')]))
  const [task] = await claimed(database, asking)
  expect(task?.history).toEqual([])
  expect(await historySeen(slow, QWEN)).toEqual([['slow', 'too late']])
})

test('a later turn is not in the history, whatever its times say', async () => {
  const first = await submitted(database, [QWEN])
  const second = await answered(database, [QWEN], ['of the second'], next(first))
  await database.query('UPDATE batches SET created_at = now() WHERE id = $1', [first.batchId])
  const [task] = await claimed(database, first)
  expect(task?.history).toEqual([])
  expect(await historySeen(second, QWEN)).toEqual([['A prompt', 'of the second']])
})

test('no more than the bound of turns is carried: the newest', async () => {
  const batch = await turns(['a1', 'a2', 'a3', 'a4'])
  expect(await historySeen(batch, QWEN, { turns: 1 })).toEqual([['p4', 'a4']])
  const again = await turns(['a1', 'a2', 'a3'])
  expect(await historySeen(again, QWEN, { turns: 2 })).toEqual([
    ['p2', 'a2'],
    ['p3', 'a3'],
  ])
})

test('no more than the bound of characters is carried: the newest, prompts and answers counted', async () => {
  const batch = await turns(['aaaa', 'bbbb', 'cccc'])
  const newest = [['p3', 'cccc']]
  const two = [['p2', 'bbbb'], ...newest]
  expect(await historySeen(batch, QWEN, { characters: 12, turns: 3 })).toEqual(two)
  const again = await turns(['aaaa', 'bbbb', 'cccc'])
  expect(await historySeen(again, QWEN, { characters: 11 })).toEqual(newest)
  const none = await turns(['aaaa'])
  expect(await historySeen(none, QWEN, { characters: 5 })).toEqual([])
})

test('another conversation is never in the history', async () => {
  await answered(database, [QWEN], ['private'])
  const mine = await answered(database, [QWEN], ['mine'])
  expect(await historySeen(mine, QWEN)).toEqual([['A prompt', 'mine']])
})

test('each of the tasks claimed together gets the history that its own bounds allow', async () => {
  const earlier = await turns(['a1', 'a2', 'a3'])
  const { tasks } = await submitted(database, [QWEN, QWEN, QWEN], next(earlier))
  const bounds = [HISTORY, { ...HISTORY, turns: 1 }, { ...HISTORY, characters: 8 }]
  const claims = tasks.map((task, i) => claimOf(task, { history: bounds[i]! }))
  const verdicts = await database.run(claimTasksIfPending(claims, HOLDER))
  expect(verdicts.map(({ task }) => task?.history.map(({ answer }) => answer))).toEqual([
    ['a1', 'a2', 'a3'],
    ['a3'],
    ['a2', 'a3'],
  ])
})

test('what no longer fits is left out in steps, so that most calls begin as the last one did', async () => {
  let batch = await answered(database, [QWEN], ['a1'], { prompt: 'p1' })
  const begins: (string | undefined)[] = []
  for (let turn = 2; turn <= 40; turn++) {
    const history = await historySeen(batch, QWEN, { turns: 8 })
    expect(history!.length).toBeLessThanOrEqual(8)
    expect(history!.length).toBeGreaterThanOrEqual(Math.min(turn - 1, 5))
    begins.push(history![0]?.[0])
    batch = await answered(database, [QWEN], [`a${turn}`], { ...next(batch), prompt: `p${turn}` })
  }
  expect(new Set(begins).size).toBeLessThanOrEqual(1 + 40 / 4)
})

test('a conversation that just fits is carried whole', async () => {
  const batch = await turns(['a1', 'a2', 'a3'])
  expect(await historySeen(batch, QWEN, { turns: 3, characters: 12 })).toEqual([
    ['p1', 'a1'],
    ['p2', 'a2'],
    ['p3', 'a3'],
  ])
})

test('the files of a turn come with it, those of its prompt and those that were made', async () => {
  const batch = await answered(database, [QWEN], ['A picture'])
  const files = await storedFiles(batch.owner, 3)
  await database.query(
    `INSERT INTO batch_files (batch_id, position, file_id, name)
     VALUES ($1, 1, $2, 'one.png'), ($1, 0, $3, 'two.png')`,
    [batch.batchId, files[0], files[1]],
  )
  await database.query(
    `INSERT INTO task_files (task_id, position, file_id, name) VALUES ($1, 0, $2, 'made.png')`,
    [batch.tasks[0]!.id, files[2]],
  )
  const asking = await submitted(database, [QWEN], next(batch))
  await database.query(
    `INSERT INTO batch_files (batch_id, position, file_id, name) VALUES ($1, 0, $2, 'now.png')`,
    [asking.batchId, files[0]],
  )
  const [task] = await claimed(database, asking)
  const ref = (i: number, name: string) => ({
    file_id: files[i],
    name,
    type: 'image/png',
    bytes: i + 1,
    sha256: String(i),
  })
  expect(task?.files).toEqual([ref(0, 'now.png')])
  expect(task?.history).toEqual([
    {
      prompt: 'A prompt',
      files: [ref(1, 'two.png'), ref(0, 'one.png')],
      answer: 'A picture',
      made: [ref(2, 'made.png')],
    },
  ])
})

/** Rows of so many pictures; their ids. */
async function storedFiles(owner: string, count: number): Promise<string[]> {
  const ids = Array.from({ length: count }, () => uuidv7())
  for (const [i, id] of ids.entries()) {
    await database.query(
      `INSERT INTO files (id, owner, sha256, type, bytes, object_key)
       VALUES ($1, $2, $3, 'image/png', $4, $5)`,
      [id, owner, String(i), i + 1, `files/${id}`],
    )
  }
  return ids
}

test('text files count by their bytes, as they stand in the prompt; pictures do not', async () => {
  const batch = await turns(['a1', 'a2', 'a3'])
  const batches = await database.query<{ id: string }>(
    'SELECT id FROM batches WHERE conversation_id = $1 ORDER BY turn',
    [batch.conversationId],
  )
  const picture = await storedFile(database, { type: 'image/png', bytes: 5000 })
  const text = await storedFile(database, { type: 'text/plain; charset=utf-8', bytes: 50 })
  const json = await storedFile(database, { type: 'application/json', bytes: 50 })
  await attach(database, batches[2]!.id, [picture, text])
  await attach(database, batches[1]!.id, [json])
  // Each turn is four characters.
  expect(await historySeen(batch, QWEN, { characters: 112 })).toHaveLength(3)
  expect(await historySeen(batch, QWEN, { characters: 107 })).not.toContainEqual(['p2', 'a2'])
  expect(await historySeen(batch, QWEN, { characters: 53 })).toEqual([])
})
