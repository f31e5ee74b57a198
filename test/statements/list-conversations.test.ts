import { beforeEach, expect, test } from 'vitest'
import { conversations as listShape } from '../../drizzle/contract/http-api.ts'
import {
  type ConversationRow,
  type ListPlace,
  listConversations,
} from '../../drizzle/statements/list-conversations.ts'
import { submitted } from '../setup/task-states.ts'
import { useDatabase } from '../setup/use-database.ts'

const database = useDatabase()

beforeEach(async () => {
  await database.query('DELETE FROM conversations')
})

/** A conversation that was last changed at this time. */
async function changedAt(time: string, owner = 'local'): Promise<string> {
  const { conversationId } = await submitted(database, ['qwen3:1.7b'], { owner, title: time })
  await database.query('UPDATE conversations SET updated_at = $2 WHERE id = $1', [
    conversationId,
    time,
  ])
  return conversationId
}

/** All the pages of this size, each as its ids. */
async function pages(limit: number): Promise<string[][]> {
  const all: string[][] = []
  for (let after: ListPlace | null = null; all.length < 20; ) {
    const rows: ConversationRow[] = await database.run(listConversations('local', after, limit))
    const last = rows.at(-1)
    if (!last) break
    all.push(rows.map(({ conversation_id }) => conversation_id))
    after = { changedUs: last.changed_us, conversationId: last.conversation_id }
  }
  return all
}

test('the conversations come last changed first, in the shape of the contract', async () => {
  const old = await changedAt('2026-01-01T00:00:00.000Z')
  const young = await changedAt('2026-01-03T00:00:00.000Z')
  const middle = await changedAt('2026-01-02T00:00:00.000Z')
  const rows = await database.run(listConversations('local', null, 10))
  expect(rows.map(({ conversation_id }) => conversation_id)).toEqual([young, middle, old])
  const listed = rows.map(({ changed_us: _, ...row }) => row)
  listShape.strict().parse({ conversations: listed, next_cursor: null })
  expect(listed[0]).toMatchObject({
    title: '2026-01-03T00:00:00.000Z',
    updated_at: '2026-01-03T00:00:00.000Z',
  })
})

test('pages follow each other without a gap or a repetition', async () => {
  const ids = []
  for (let day = 1; day <= 5; day++) ids.unshift(await changedAt(`2026-01-0${day}T00:00:00Z`))
  expect(await pages(2)).toEqual([ids.slice(0, 2), ids.slice(2, 4), ids.slice(4)])
})

test('pages hold when times differ by a microsecond only', async () => {
  // Made first, it has the lower id: the order is by time before it is by id.
  const young = await changedAt('2026-01-01T00:00:00.000002Z')
  const old = await changedAt('2026-01-01T00:00:00.000001Z')
  expect(await pages(1)).toEqual([[young], [old]])
})

test('pages hold when times are the same', async () => {
  const ids = []
  for (let i = 0; i < 3; i++) ids.push(await changedAt('2026-01-01T00:00:00Z'))
  const byId = ids.toSorted().toReversed()
  expect(await pages(1)).toEqual(byId.map((id) => [id]))
})

test('the conversations of another owner are not listed', async () => {
  await changedAt('2026-01-01T00:00:00Z', 'ada')
  expect(await database.run(listConversations('local', null, 10))).toEqual([])
})

test('no more than the limit is listed', async () => {
  for (let i = 0; i < 3; i++) await changedAt('2026-01-01T00:00:00Z')
  expect(await database.run(listConversations('local', null, 2))).toHaveLength(2)
})
