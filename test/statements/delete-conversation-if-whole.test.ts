import { v7 as uuidv7 } from 'uuid'
import { expect, test } from 'vitest'
import { claimTasksIfPending } from '../../drizzle/statements/claim-tasks-if-pending.ts'
import { deleteConversationIfWhole } from '../../drizzle/statements/delete-conversation-if-whole.ts'
import { deletePartials } from '../../drizzle/statements/delete-partials.ts'
import { finishTasksIfHeld } from '../../drizzle/statements/finish-tasks-if-held.ts'
import { forgetUnusedFiles } from '../../drizzle/statements/forget-unused-files.ts'
import { releaseTasksIfHeld } from '../../drizzle/statements/release-tasks-if-held.ts'
import { renewLeasesIfHeld } from '../../drizzle/statements/renew-leases-if-held.ts'
import { savePartialsIfHeld } from '../../drizzle/statements/save-partials-if-held.ts'
import { saveUploads } from '../../drizzle/statements/save-uploads.ts'
import { submitBatch } from '../../drizzle/statements/submit-batch.ts'
import { failed } from '../setup/dead-letters.ts'
import { newBatch, newFile } from '../setup/new-batch.ts'
import { openSession, race, untilWaiting } from '../setup/session.ts'
import { storedFile, storedNode } from '../setup/stored-files.ts'
import {
  answered,
  claimOf,
  drained,
  failure,
  HOLDER,
  next,
  processing,
  submitted,
  success,
} from '../setup/task-states.ts'
import { useDatabase } from '../setup/use-database.ts'

const MODEL = 'qwen3:1.7b'
const database = useDatabase()

const deletion = (id: string, owner = 'local') => deleteConversationIfWhole(owner, id)

/** How many rows of each table are left of what was put there. */
async function left() {
  const counts: Record<string, number> = {}
  const tables = ['conversations', 'batches', 'tasks', 'task_partials', 'dead_letters', 'files']
  tables.push('idempotency_keys', 'batch_files', 'task_files', 'conversation_routes')
  for (const table of tables) {
    const [row] = await database.query<{ n: number }>(`SELECT count(*)::integer AS n FROM ${table}`)
    counts[table] = row!.n
  }
  return counts
}

const doomed = async () =>
  (await database.query('SELECT object_key FROM doomed_objects')).map((row) => row.object_key)
const objectKeysOf = async (fileIds: string[]) =>
  (await database.query('SELECT object_key FROM files WHERE id = ANY ($1)', [fileIds])).map(
    (row) => row.object_key,
  )

/** A conversation that has left its marks in every table. */
async function marked() {
  const files = [newFile(), newFile()]
  const first = await processing(database, [MODEL, MODEL, MODEL], { files })
  const picture = await storedFile(database)
  const made = [{ fileId: picture.file_id, name: 'picture.png' }]
  await database.run(
    finishTasksIfHeld([success(first.held[0], 'a', { files: made }), failure(first.held[1]!)]),
  )
  const second = await processing(database, [MODEL], { ...next(first), files: [files[0]!] })
  for (const held of [first.held[2]!, second.held[0]]) {
    await database.run(savePartialsIfHeld([{ ...held, responseText: 'So f', reasoningText: '' }]))
  }
  await database.query(
    `INSERT INTO conversation_routes (conversation_id, family, slot, node_id)
     VALUES ($1, 'gemini', 0, $2)`,
    [first.conversationId, await storedNode(database)],
  )
  const running = [first.held[2]!, second.held[0]]
  return { id: first.conversationId, files, picture, running }
}

test('all of it goes, and nothing of any other conversation', async () => {
  await marked()
  const before = await left()
  const doomedBefore = await doomed()
  const { id, files, picture, running } = await marked()
  const keys = [...files.map(({ objectKey }) => objectKey)]
  keys.push(...(await objectKeysOf([picture.file_id])))
  const [row] = await database.run(deletion(id))
  expect(row?.deleted).toBe(true)
  expect(row?.running.toSorted()).toEqual(running.map(({ taskId }) => taskId).toSorted())
  expect(await left()).toEqual(before)
  const objects = (await doomed()).filter((key) => !doomedBefore.includes(key))
  expect(objects.toSorted()).toEqual(keys.toSorted())
  expect(await database.run(deletion(id))).toEqual([])
})

test('a conversation of another owner stays, nor is there one that does not exist', async () => {
  const { id } = await marked()
  const before = await left()
  expect(await database.run(deletion(id, 'ada'))).toEqual([])
  expect(await database.run(deletion(uuidv7()))).toEqual([])
  expect(await left()).toEqual(before)
})

test('a file that another prompt or answer has, or that waits for a prompt, stays', async () => {
  const [asked, ahead] = [newFile(), newFile()]
  const picture = await storedFile(database)
  const made = { files: [{ fileId: picture.file_id, name: 'a.png' }] }
  const gone = await processing(database, [MODEL], { files: [asked, ahead] })
  await database.run(finishTasksIfHeld([success(gone.held[0], 'a', made)]))
  const stays = await processing(database, [MODEL], { files: [asked] })
  await database.run(finishTasksIfHeld([success(stays.held[0], 'a', made)]))
  await database.run(saveUploads('local', [newFile({ sha256: ahead.sha256 })]))
  await database.run(deletion(gone.conversationId))
  expect(await objectKeysOf([asked.id, ahead.id, picture.file_id])).toHaveLength(3)
  // It goes with the last one who has it.
  await database.run(deletion(stays.conversationId))
  expect(await objectKeysOf([asked.id, ahead.id, picture.file_id])).toEqual([ahead.objectKey])
})

test('a file whose only place goes while it is looked at is forgotten later', async () => {
  await database.query('UPDATE files SET unused_since = NULL')
  const files = [newFile(), newFile()] as const
  const [one, two] = await Promise.all(
    files.map((file) => submitted(database, [MODEL], { files: [file] })),
  )
  await database.query(
    "UPDATE files SET unused_since = now() - interval '25 h' WHERE id = ANY ($1)",
    [files.map(({ id }) => id)],
  )
  // The first of them goes while it is looked at: it is passed by.
  const deleting = await openSession(database)
  await deleting.query('BEGIN')
  await deleting.run(deletion(one!.conversationId))
  const looked = await openSession(database)
  await looked.query('BEGIN ISOLATION LEVEL READ COMMITTED')
  await looked.run(forgetUnusedFiles(10))
  await deleting.query('COMMIT')
  // The mark of the second one has gone, and its delete waits to learn that.
  const second = deleting.run(deletion(two!.conversationId))
  await untilWaiting(database, deleting, second)
  await looked.query('COMMIT')
  await second
  const rows = await database.query(
    "SELECT id, unused_since > now() - interval '1 min' AS now FROM files WHERE id = ANY ($1)",
    [files.map(({ id }) => id)],
  )
  expect(rows).toEqual([{ id: files[0].id, now: true }])
})

test('a worker whose task was deleted holds nothing, and stores nothing', async () => {
  const { conversationId, held } = await processing(database, [MODEL])
  await database.run(deletion(conversationId))
  const before = await left()
  expect(await database.run(renewLeasesIfHeld(held, { leaseMs: 1000, watched: true }))).toEqual([])
  const partials = held.map((one) => ({ ...one, responseText: 'a', reasoningText: '' }))
  expect(await database.run(savePartialsIfHeld(partials))).toEqual([])
  expect(await database.run(releaseTasksIfHeld(drained(held)))).toEqual([])
  const picture = await storedFile(database)
  const files = [{ fileId: picture.file_id, name: 'a.png' }]
  expect(await database.run(finishTasksIfHeld([success(held[0], 'a', { files })]))).toEqual([])
  expect(await database.run(finishTasksIfHeld([failure(held[0])]))).toEqual([])
  const [claim] = await database.run(claimTasksIfPending([claimOf({ id: held[0].taskId })], HOLDER))
  expect(claim?.verdict).toBe('unknown')
  expect(await left()).toEqual({ ...before, files: before.files! + 1 })
})

test('a prompt that goes first is not lost sight of: nothing is deleted until it is seen', async () => {
  const { conversationId } = await submitted(database, [MODEL], { files: [newFile()] })
  const late = newBatch([MODEL], { owner: 'local', conversationId, files: [newFile()] })
  const before = await left()
  const { second } = await race(database, submitBatch(late), deletion(conversationId))
  expect(second).toEqual([{ deleted: false, running: [] }])
  expect(await left()).toMatchObject({ batches: before.batches! + 1, files: before.files! + 1 })
  expect(await database.run(deletion(conversationId))).toMatchObject([{ deleted: true }])
  expect(await left()).toMatchObject({
    conversations: before.conversations! - 1,
    files: before.files! - 1,
    idempotency_keys: before.idempotency_keys! - 1,
  })
})

test('a prompt that comes second finds no conversation, and stores nothing', async () => {
  const { conversationId } = await submitted(database, [MODEL])
  const late = newBatch([MODEL], { owner: 'local', conversationId, files: [newFile()] })
  const before = await left()
  const { second } = await race(database, deletion(conversationId), submitBatch(late))
  expect(second).toEqual([])
  expect(await left()).toMatchObject({ tasks: before.tasks! - 1, files: before.files! })
})

test('of two deletes at the same moment the second finds nothing', async () => {
  const { id } = await marked()
  const { second } = await race(database, deletion(id), deletion(id))
  expect(second).toEqual([])
})

test('a prompt with a file that is just being deleted has it, as a new one', async () => {
  const file = newFile()
  const { conversationId } = await submitted(database, [MODEL], { files: [file] })
  const again = newFile({ sha256: file.sha256 })
  const late = newBatch([MODEL], { files: [again] })
  const { second } = await race(database, deletion(conversationId), submitBatch(late))
  expect(second).toMatchObject([{ fresh: true, unused: [] }])
  expect(await objectKeysOf([file.id, again.id])).toEqual([again.objectKey])
  expect(await doomed()).toContain(file.objectKey)
})

test('a file that a prompt begins to use at the same moment refuses the delete, once', async () => {
  const file = newFile()
  const { conversationId } = await submitted(database, [MODEL], { files: [file] })
  const late = newBatch([MODEL], { files: [newFile({ sha256: file.sha256 })] })
  const refused = race(database, submitBatch(late), deletion(conversationId))
  await expect(refused).rejects.toMatchObject({ code: '23503' })
  expect(await database.run(deletion(conversationId))).toMatchObject([{ deleted: true }])
  expect(await objectKeysOf([file.id])).toEqual([file.objectKey])
})

test('text that was being saved at that moment goes with the second look', async () => {
  const { conversationId, held } = await processing(database, [MODEL])
  const partial = { ...held[0], responseText: 'So f', reasoningText: '' }
  const { second } = await race(database, savePartialsIfHeld([partial]), deletion(conversationId))
  expect(second).toEqual([{ deleted: true, running: [held[0].taskId] }])
  const rows = () =>
    database.query('SELECT FROM task_partials WHERE task_id = $1', [held[0].taskId])
  expect(await rows()).toHaveLength(1)
  await database.run(deletePartials(second[0]!.running))
  expect(await rows()).toEqual([])
})

test('a delete takes its locks in the order tasks, dead letters, batches, conversation', async () => {
  const batch = await failed(database)
  const gates = [
    ['tasks', batch.failed[0].taskId],
    ['dead_letters', batch.failed[0].letterId],
    ['batches', batch.batchId],
    ['conversations', batch.conversationId],
  ] as const
  for (const [i, [table, id]] of gates.entries()) {
    const [gate, one, two] = [
      await openSession(database),
      await openSession(database),
      await openSession(database),
    ]
    await gate.query('BEGIN')
    await gate.query(`SELECT FROM ${table} WHERE id = $1 FOR UPDATE`, [id])
    await one.query('BEGIN')
    const waits = one.run(deletion(batch.conversationId))
    await untilWaiting(database, one, waits)
    // What comes after is free.
    for (const [later, laterId] of gates.slice(i + 1)) {
      await two.query(`SELECT FROM ${later} WHERE id = $1 FOR UPDATE NOWAIT`, [laterId])
    }
    await gate.query('COMMIT')
    await waits
    await one.query('ROLLBACK')
  }
})

test('deletes and finishes of the same tasks in any order do not deadlock', async () => {
  const batch = await processing(database, [MODEL, MODEL, MODEL])
  // The gate holds the last by id: whoever does not go by id takes it before the others.
  const [a, b, c] = batch.held.toSorted((x, y) => (x.taskId < y.taskId ? -1 : 1))
  const [gate, one, two] = [
    await openSession(database),
    await openSession(database),
    await openSession(database),
  ]
  await gate.query('BEGIN')
  await gate.query('SELECT FROM tasks WHERE id = $1 FOR UPDATE', [c!.taskId])
  const gone = one.run(deletion(batch.conversationId))
  await untilWaiting(database, one, gone)
  const finish = two.run(finishTasksIfHeld([b, c, a].map((held) => success(held!))))
  await untilWaiting(database, two, finish)
  await gate.query('COMMIT')
  expect(await gone).toMatchObject([{ deleted: true }])
  expect(await finish).toEqual([])
})

test('a conversation of many turns goes in one step', async () => {
  const first = await answered(database, [MODEL], ['a'], { files: [newFile()] })
  for (let turn = 2; turn <= 30; turn++) {
    await answered(database, [MODEL], ['a'], { ...next(first), files: [newFile()] })
  }
  expect(await database.run(deletion(first.conversationId))).toMatchObject([{ deleted: true }])
  const rest = await database.query('SELECT FROM tasks WHERE conversation_id = $1', [
    first.conversationId,
  ])
  expect(rest).toEqual([])
})
