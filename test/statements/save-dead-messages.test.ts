import { v7 as uuidv7 } from 'uuid'
import { expect, test } from 'vitest'
import { type DeadMessage, saveDeadMessages } from '../../drizzle/statements/save-dead-messages.ts'
import { useDatabase } from '../setup/use-database.ts'

const database = useDatabase()

function message(entryId: string, overrides: Partial<DeadMessage> = {}): DeadMessage {
  return {
    id: uuidv7(),
    stream: 'qwen_stream',
    entryId,
    payload: '["task_id","nonsense"]',
    code: 'unreadable_message',
    ...overrides,
  }
}

function kept(entryId: string) {
  return database.query('SELECT * FROM dead_letters WHERE original_id = $1 ORDER BY source', [
    entryId,
  ])
}

test('bad messages are kept with origin, payload and reason', async () => {
  const one = message('1-0')
  const two = message('1-1', { code: 'future_fence', payload: '[]' })
  await database.run(saveDeadMessages([one, two]))
  expect(await kept('1-0')).toMatchObject([
    {
      id: one.id,
      kind: 'message',
      source: 'qwen_stream',
      payload: '["task_id","nonsense"]',
      error_code: 'unreadable_message',
      error_msg: 'The stream entry is not a task message.',
    },
  ])
  expect(await kept('1-1')).toMatchObject([{ id: two.id, error_code: 'future_fence' }])
})

test('the same entry of a stream is kept once, as it was first', async () => {
  const first = message('2-0')
  await database.run(saveDeadMessages([first]))
  await database.run(saveDeadMessages([message('2-0', { payload: 'other' }), message('2-1')]))
  expect(await kept('2-0')).toMatchObject([{ id: first.id, payload: first.payload }])
  expect(await kept('2-1')).toHaveLength(1)
})

test('the same entry twice in one statement is kept once', async () => {
  await database.run(saveDeadMessages([message('3-0'), message('3-0')]))
  expect(await kept('3-0')).toHaveLength(1)
})

test('entries of two streams with one id are two', async () => {
  await database.run(
    saveDeadMessages([message('4-0'), message('4-0', { stream: 'gemini_stream' })]),
  )
  expect((await kept('4-0')).map(({ source }) => source)).toEqual(['gemini_stream', 'qwen_stream'])
})
