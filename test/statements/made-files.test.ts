import { expect, test } from 'vitest'
import { findBatch } from '../../drizzle/statements/find-batch.ts'
import { findTask } from '../../drizzle/statements/find-task.ts'
import { finishTasksIfHeld, type MadeFile } from '../../drizzle/statements/finish-tasks-if-held.ts'
import { attach, storedFile } from '../setup/stored-files.ts'
import { processing, success } from '../setup/task-states.ts'
import { useDatabase } from '../setup/use-database.ts'

const MODEL = 'gemini-2.5-flash-image'
const database = useDatabase()

async function picture(name: string): Promise<{ made: MadeFile; stored: object }> {
  const { file_id, bytes } = await storedFile(database, { type: 'image/png' })
  return { made: { fileId: file_id, name }, stored: { file_id, name, type: 'image/png', bytes } }
}

test('the pictures of an answer are kept with it, in order, and read with batch and task', async () => {
  const { batchId, held } = await processing(database, [MODEL, MODEL])
  const [first, second, third] = [await picture('a'), await picture('b'), await picture('c')]
  await database.run(
    finishTasksIfHeld([
      success(held[0], '', { files: [second.made, first.made] }),
      success(held[1]!, 'Words', { files: [third.made] }),
    ]),
  )
  const [found] = await database.run(findBatch('local', batchId))
  expect(found!.batch!.results.map(({ files, response_text }) => [response_text, files])).toEqual([
    ['', [second.stored, first.stored]],
    ['Words', [third.stored]],
  ])
  const [task] = await database.run(findTask('local', held[1]!.taskId))
  expect(task!.task!.files).toEqual([third.stored])
})

test('a late answer keeps no pictures', async () => {
  const { held } = await processing(database, [MODEL])
  const { made } = await picture('late')
  await database.query('UPDATE tasks SET fence = 3 WHERE id = $1', [held[0].taskId])
  await database.run(finishTasksIfHeld([success(held[0], '', { files: [made] })]))
  const [task] = await database.run(findTask('local', held[0].taskId))
  expect(task!.task!.files).toEqual([])
})

test('a batch is read with the files of its prompt, which are not those of its answers', async () => {
  const { batchId, held } = await processing(database, [MODEL])
  const file = await storedFile(database, { name: 'Ä.txt' })
  await attach(database, batchId, [file])
  const [found] = await database.run(findBatch('local', batchId))
  const { file_id, name, type, bytes } = file
  expect(found!.batch!.files).toEqual([{ file_id, name, type, bytes }])
  expect(found!.batch!.results[0]!.files).toEqual([])
  const [task] = await database.run(findTask('local', held[0].taskId))
  expect(task!.task!.files).toEqual([])
})

test('a task is read with the model that answered, how soon it began and how long it reasoned', async () => {
  const { held } = await processing(database, [MODEL])
  const about = { answeredBy: 'gemini-2.5-flash-image-001', firstTokenMs: 321, reasoningMs: 4321 }
  await database.run(finishTasksIfHeld([success(held[0], 'a', about)]))
  const [task] = await database.run(findTask('local', held[0].taskId))
  expect(task!.task).toMatchObject({
    answered_by: 'gemini-2.5-flash-image-001',
    first_token_ms: 321,
    reasoning_ms: 4321,
  })
})
