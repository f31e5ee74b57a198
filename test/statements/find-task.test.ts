import { v7 as uuidv7 } from 'uuid'
import { expect, test } from 'vitest'
import { task as taskShape } from '../../drizzle/contract/http-api.ts'
import { findTask } from '../../drizzle/statements/find-task.ts'
import { finishTasksIfHeld } from '../../drizzle/statements/finish-tasks-if-held.ts'
import { savePartialsIfHeld } from '../../drizzle/statements/save-partials-if-held.ts'
import { processing, submitted, success } from '../setup/task-states.ts'
import { useDatabase } from '../setup/use-database.ts'

const MODELS = ['qwen3:1.7b', 'gemini-2.5-flash']
const database = useDatabase()

test('a task has the shape of the contract before, during and after its call', async () => {
  const waiting = await submitted(database, MODELS)
  const [before] = await database.run(findTask('local', waiting.tasks[0]!.id))
  expect(taskShape.strict().parse(before?.task)).toMatchObject({ status: 0, started_at: null })

  const { batchId, conversationId, held } = await processing(database, MODELS)
  const { taskId } = held[0]
  await database.run(
    savePartialsIfHeld([{ ...held[0], responseText: 'So f', reasoningText: 'Hm' }]),
  )
  const [during] = await database.run(findTask('local', taskId))
  expect(taskShape.strict().parse(during?.task)).toMatchObject({
    task_id: taskId,
    batch_id: batchId,
    conversation_id: conversationId,
    model: 'qwen3:1.7b',
    slot: 0,
    status: 3,
    response_text: 'So f',
    reasoning_text: 'Hm',
    cost_time: null,
  })

  await database.run(finishTasksIfHeld([success(held[0], 'So far')]))
  const [after] = await database.run(findTask('local', taskId))
  expect(taskShape.strict().parse(after?.task)).toMatchObject({
    status: 1,
    response_text: 'So far',
    reasoning_text: null,
  })
})

test('a task of another owner is not found, nor is one that does not exist', async () => {
  const { tasks } = await submitted(database, MODELS, { owner: 'ada' })
  expect(await database.run(findTask('bob', tasks[0]!.id))).toEqual([])
  expect(await database.run(findTask('ada', uuidv7()))).toEqual([])
})

test('only the task asked for is found', async () => {
  const { tasks } = await submitted(database, MODELS)
  const rows = await database.run(findTask('local', tasks[1]!.id))
  expect(rows.map(({ task }) => task?.task_id)).toEqual([tasks[1]!.id])
})
