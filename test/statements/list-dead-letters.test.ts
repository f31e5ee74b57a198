import { v7 as uuidv7 } from 'uuid'
import { expect, test } from 'vitest'
import {
  type DeadLetterPlace,
  listDeadLetters,
} from '../../drizzle/statements/list-dead-letters.ts'
import { tellTime } from '../../drizzle/statements/tell-time.ts'
import { deadMessage, failed } from '../setup/dead-letters.ts'
import { useDatabase } from '../setup/use-database.ts'

const database = useDatabase()
const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/

const list = (place: Partial<DeadLetterPlace> = {}, limit = 1000) =>
  database.run(
    listDeadLetters(
      { after: null, kind: null, writtenBy: null, unreplayed: false, ...place },
      limit,
    ),
  )
const idsOf = (rows: { id: string }[]) => rows.map(({ id }) => id)

test('dead letters of both kinds come newest first, each with its origin, reason and times', async () => {
  const message = await deadMessage(database, { entryId: '7-1', stream: 'gemini_stream' })
  const { failed: letters } = await failed(database)
  const { taskId, letterId } = letters[0]
  await database.query("UPDATE dead_letters SET replayed_at = '2026-01-31Z' WHERE id = $1", [
    message,
  ])
  const [newest, older] = await list()
  expect(newest).toEqual({
    id: letterId,
    kind: 'task',
    source: 'qwen',
    original_id: taskId,
    error_code: 'model_timeout',
    created_at: expect.stringMatching(ISO),
    replayed_at: null,
  })
  expect(older).toMatchObject({
    id: message,
    kind: 'message',
    source: 'gemini_stream',
    original_id: '7-1',
    error_code: 'unreadable_message',
    replayed_at: '2026-01-31T00:00:00.000Z',
  })
})

test('a page goes on after its last one, without a gap or a repetition', async () => {
  for (let i = 0; i < 5; i++) await deadMessage(database)
  const whole = idsOf(await list())
  const first = idsOf(await list({}, 2))
  const second = idsOf(await list({ after: first[1] }, 2))
  expect([...first, ...second]).toEqual(whole.slice(0, 4))
  expect(await list({ after: whole.at(-1) })).toEqual([])
})

test('one kind is listed alone', async () => {
  const message = await deadMessage(database)
  const { failed: letters } = await failed(database)
  const tasks = await list({ kind: 'task' })
  expect(idsOf(tasks)).toContain(letters[0].letterId)
  expect(new Set(tasks.map(({ kind }) => kind))).toEqual(new Set(['task']))
  const messages = await list({ kind: 'message' })
  expect(idsOf(messages)).toContain(message)
  expect(new Set(messages.map(({ kind }) => kind))).toEqual(new Set(['message']))
})

test('what has been replayed is left out where that is asked', async () => {
  const [replayed, other] = [await deadMessage(database), await deadMessage(database)]
  await database.query('UPDATE dead_letters SET replayed_at = now() WHERE id = $1', [replayed])
  const ids = idsOf(await list({ unreplayed: true }))
  expect(ids).toContain(other)
  expect(ids).not.toContain(replayed)
  expect(idsOf(await list())).toContain(replayed)
})

test('what was written after the given moment is left out, however old its id is', async () => {
  const before = await deadMessage(database)
  const [clock] = await database.run(tellTime())
  const after = await deadMessage(database, { id: uuidv7({ msecs: 0 }) })
  const ids = idsOf(await list({ writtenBy: clock!.moment }))
  expect(ids).toContain(before)
  expect(ids).not.toContain(after)
})
