import { v7 as uuidv7 } from 'uuid'
import { expect, test } from 'vitest'
import { conversation } from '../../drizzle/contract/http-api.ts'
import { renameConversation } from '../../drizzle/statements/rename-conversation.ts'
import { submitted } from '../setup/task-states.ts'
import { useDatabase } from '../setup/use-database.ts'

const database = useDatabase()

const titles = () =>
  database.query<{ title: string; updated_at: Date }>(
    'SELECT title, updated_at FROM conversations ORDER BY id',
  )

test('a conversation has its new title, and its place in the list; the others stay', async () => {
  const { conversationId } = await submitted(database, ['qwen3:1.7b'], { title: 'Old' })
  await submitted(database, ['qwen3:1.7b'], { title: 'Other' })
  const before = await titles()
  const rows = await database.run(renameConversation('local', conversationId, 'New'))
  expect(conversation.strict().parse(rows[0])).toMatchObject({
    conversation_id: conversationId,
    title: 'New',
  })
  expect(await titles()).toEqual([{ ...before[0], title: 'New' }, before[1]])
})

test('a conversation of another owner is not renamed, nor is one that does not exist', async () => {
  const { conversationId } = await submitted(database, ['qwen3:1.7b'], { title: 'Mine' })
  expect(await database.run(renameConversation('ada', conversationId, 'New'))).toEqual([])
  expect(await database.run(renameConversation('local', uuidv7(), 'New'))).toEqual([])
  expect((await titles()).at(-1)).toMatchObject({ title: 'Mine' })
})
