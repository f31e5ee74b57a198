import { beforeEach, expect, test } from 'vitest'
import { conversations as listShape } from '../../drizzle/contract/http-api.ts'
import {
  type ConversationRow,
  type ListPlace,
  listConversations,
} from '../../drizzle/statements/list-conversations.ts'
import { next, submitted } from '../setup/task-states.ts'
import { useDatabase } from '../setup/use-database.ts'

const MODEL = 'qwen3:1.7b'
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
    const rows: ConversationRow[] = await database.run(listConversations('local', { after, limit }))
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
  const rows = await database.run(listConversations('local', { after: null, limit: 10 }))
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
  expect(await database.run(listConversations('local', { after: null, limit: 10 }))).toEqual([])
})

test('no more than the limit is listed', async () => {
  for (let i = 0; i < 3; i++) await changedAt('2026-01-01T00:00:00Z')
  expect(await database.run(listConversations('local', { after: null, limit: 2 }))).toHaveLength(2)
})

/** The titles that a search finds. */
async function found(search: string, owner = 'local') {
  const rows = await database.run(listConversations(owner, { after: null, limit: 10, search }))
  return rows.map(({ title }) => title)
}

test('a search finds titles and prompts of any turn, in any case, and nothing else', async () => {
  const sky = await submitted(database, [MODEL], { title: 'Why BLUE?', prompt: 'sky' })
  await submitted(database, [MODEL], { ...next(sky), prompt: 'And at\nSunset, Ärger?' })
  await submitted(database, [MODEL], { title: 'Other', prompt: 'grass is bluegreen' })
  await submitted(database, [MODEL], { title: 'Third', prompt: 'third' })
  expect(await found('why blue')).toEqual(['Why BLUE?'])
  expect(await found('SUNSET, äRGER')).toEqual(['Why BLUE?'])
  expect((await found('bLuE')).sort()).toEqual(['Other', 'Why BLUE?'])
  expect(await found('green grass')).toEqual([])
  expect(await found('sky And')).toEqual([])
})

test('a search takes the signs of patterns as they stand', async () => {
  for (const prompt of ['100% sure', '100 per cent', 'a_b', 'axb', 'c:\\temp', 'c:temp']) {
    await submitted(database, [MODEL], { title: prompt, prompt: 'x' })
    await submitted(database, [MODEL], { title: `prompt ${prompt}`, prompt })
  }
  expect((await found('100%')).sort()).toEqual(['100% sure', 'prompt 100% sure'])
  expect((await found('a_b')).sort()).toEqual(['a_b', 'prompt a_b'])
  expect((await found('c:\\t')).sort()).toEqual(['c:\\temp', 'prompt c:\\temp'])
  expect(await found('%')).toHaveLength(2)
})

test('a search finds nothing of another owner, and is paged as the list is', async () => {
  await submitted(database, [MODEL], { title: 'mine', prompt: 'same words' })
  await submitted(database, [MODEL], { title: 'hers', prompt: 'same words', owner: 'ada' })
  await submitted(database, [MODEL], { title: 'newer', prompt: 'same words' })
  expect(await found('same words')).toEqual(['newer', 'mine'])
  expect(await found('same words', 'ada')).toEqual(['hers'])
  const listed = { after: null, limit: 1, search: 'same words' }
  const [first] = await database.run(listConversations('local', listed))
  const after = { changedUs: first!.changed_us, conversationId: first!.conversation_id }
  const rest = await database.run(listConversations('local', { ...listed, after }))
  expect(rest.map(({ title }) => title)).toEqual(['mine'])
})
