import { v7 as uuidv7 } from 'uuid'
import { expect, test } from 'vitest'
import { claimTasksIfPending } from '../../drizzle/statements/claim-tasks-if-pending.ts'
import { forgetOldRows } from '../../drizzle/statements/forget-old-rows.ts'
import { markFileLost } from '../../drizzle/statements/mark-file-lost.ts'
import { submitBatch } from '../../drizzle/statements/submit-batch.ts'
import { newBatch, newFile, TRACEPARENT } from '../setup/new-batch.ts'
import { provesOrderOfLocks } from '../setup/opposite-orders.ts'
import { openSession, race, untilWaiting } from '../setup/session.ts'
import { batchRow, claimOf, HOLDER, next, submitted } from '../setup/task-states.ts'
import { useDatabase } from '../setup/use-database.ts'

const MODELS = ['gemini-2.5-flash', 'qwen3:1.7b']
const database = useDatabase()

/** How many rows there are of everything that a submit stores. */
async function stored() {
  const [counts] = await database.query(`SELECT
    (SELECT count(*)::int FROM conversations) AS conversations,
    (SELECT coalesce(sum(turns), 0)::int FROM conversations) AS turns,
    (SELECT count(*)::int FROM batches) AS batches,
    (SELECT count(*)::int FROM tasks) AS tasks,
    (SELECT count(*)::int FROM files) AS files,
    (SELECT count(*)::int FROM batch_files) AS batch_files,
    (SELECT count(*)::int FROM idempotency_keys) AS keys`)
  return counts
}

test('stores every column of conversation, batch and tasks', async () => {
  const batch = newBatch(MODELS, {
    owner: 'ada',
    title: 'Sky',
    prompt: 'Why is it blue?',
    mode: 'image',
    system: 'Be brief.',
    temperature: 0.5,
    maxTokens: 77,
  })
  batch.tasks[1] = { ...batch.tasks[1]!, slot: 1, modelName: 'qwen3:1.7b (#2)' }
  const rows = await database.run(submitBatch(batch))

  expect(rows).toEqual(
    batch.tasks.map(({ id }) => ({
      refused: null,
      batch_id: batch.batchId,
      conversation_id: batch.conversationId,
      fingerprint: 'fingerprint',
      fresh: true,
      task_id: id,
      fence: 0,
      status: 0,
      unused: [],
    })),
  )
  expect(
    await database.query('SELECT * FROM conversations WHERE id = $1', [batch.conversationId]),
  ).toMatchObject([{ owner: 'ada', title: 'Sky', turns: 1 }])
  expect(await batchRow(database, batch.batchId)).toMatchObject({
    conversation_id: batch.conversationId,
    owner: 'ada',
    turn: 1,
    user_prompt: 'Why is it blue?',
    mode: 'image',
    system: 'Be brief.',
    temperature: 0.5,
    max_tokens: 77,
    traceparent: TRACEPARENT,
    request_id: 'a-request',
    total_tasks: 2,
    open_tasks: 2,
    status: 'PROCESSING',
    finished_at: null,
  })
  const tasks = await database.query(
    `SELECT *, rung_at = created_at AS rung_now, run_after <= now() AS due
     FROM tasks WHERE batch_id = $1 ORDER BY position`,
    [batch.batchId],
  )
  expect(tasks).toMatchObject(
    batch.tasks.map((task, i) => ({
      id: task.id,
      conversation_id: batch.conversationId,
      owner: 'ada',
      position: i + 1,
      model: task.model,
      model_name: task.modelName,
      family: task.family,
      slot: task.slot,
      status: 0,
      fence: 0,
      failures: 0,
      deaths: 0,
      attempt: 0,
      rung_now: true,
      due: true,
    })),
  )
})

test('counts the turns of a continued conversation', async () => {
  const first = await submitted(database, MODELS)
  const second = await submitted(database, MODELS, next(first))
  const third = await submitted(database, MODELS, next(first))
  const turns = [first, second, third].map(({ batchId }) => batchRow(database, batchId))
  expect((await Promise.all(turns)).map((row) => row?.turn)).toEqual([1, 2, 3])
  const [conversation] = await database.query('SELECT turns FROM conversations WHERE id = $1', [
    first.conversationId,
  ])
  expect(conversation).toEqual({ turns: 3 })
})

test('a continued conversation counts as changed now', async () => {
  const batch = await submitted(database, MODELS)
  await database.query("UPDATE conversations SET updated_at = now() - interval '1 h'")
  await submitted(database, MODELS, next(batch))
  const rows = await database.query(
    "SELECT FROM conversations WHERE id = $1 AND updated_at > now() - interval '1 min'",
    [batch.conversationId],
  )
  expect(rows).toHaveLength(1)
})

test('a conversation of another owner gives no row and stores nothing', async () => {
  const { conversationId } = await submitted(database, MODELS, { owner: 'ada' })
  const before = await stored()
  const rows = await database.run(submitBatch(newBatch(MODELS, { owner: 'bob', conversationId })))
  expect(rows).toEqual([])
  expect(await stored()).toEqual(before)
})

test('an unknown conversation gives no row and stores nothing, no key either', async () => {
  const before = await stored()
  const rows = await database.run(submitBatch(newBatch(MODELS, { conversationId: uuidv7() })))
  expect(rows).toEqual([])
  expect(await stored()).toEqual(before)
})

test('a conversation that is deleted at the same moment gives no row and stores no key', async () => {
  const batch = await submitted(database, MODELS)
  const { second } = await race(
    database,
    {
      name: 'delete',
      text: 'DELETE FROM conversations WHERE id = $1',
      params: [batch.conversationId],
    },
    submitBatch(newBatch(MODELS, { ...next(batch), idempotencyKey: 'too late' })),
  )
  expect(second).toEqual([])
  expect(await database.query("SELECT FROM idempotency_keys WHERE key = 'too late'")).toHaveLength(
    0,
  )
})

test('the same key again gives the first batch and stores nothing more', async () => {
  const first = await submitted(database, MODELS)
  const before = await stored()
  const again = newBatch(MODELS, { idempotencyKey: first.idempotencyKey, fingerprint: 'other' })
  const rows = await database.run(submitBatch(again))
  expect(rows).toMatchObject(
    first.tasks.map(({ id }) => ({
      batch_id: first.batchId,
      conversation_id: first.conversationId,
      fingerprint: 'fingerprint',
      fresh: false,
      task_id: id,
    })),
  )
  expect(await stored()).toEqual(before)
})

test('the same key again in a continued conversation stores nothing more', async () => {
  const { conversationId } = await submitted(database, MODELS)
  const first = await submitted(database, MODELS, { conversationId })
  const before = await stored()
  const again = newBatch(MODELS, { conversationId, idempotencyKey: first.idempotencyKey })
  const rows = await database.run(submitBatch(again))
  expect(rows).toMatchObject(
    first.tasks.map(({ id }) => ({ batch_id: first.batchId, fresh: false, task_id: id })),
  )
  expect(await stored()).toEqual(before)
})

test('the same key again reports the fences and states of now', async () => {
  const first = await submitted(database, MODELS)
  await database.run(claimTasksIfPending([claimOf(first.tasks[1]!)], HOLDER))
  const again = newBatch(MODELS, { idempotencyKey: first.idempotencyKey })
  const rows = await database.run(submitBatch(again))
  expect(rows.map(({ fence, status }) => ({ fence, status }))).toEqual([
    { fence: 0, status: 0 },
    { fence: 1, status: 3 },
  ])
})

test('the same key of another owner is another key', async () => {
  const ada = await submitted(database, MODELS, { owner: 'ada', idempotencyKey: 'shared' })
  const rows = await database.run(
    submitBatch(newBatch(MODELS, { owner: 'bob', idempotencyKey: 'shared' })),
  )
  expect(rows[0]).toMatchObject({ fresh: true })
  expect(rows[0]?.batch_id).not.toBe(ada.batchId)
})

test('the very same statement again stores once', async () => {
  const batch = newBatch(MODELS)
  const first = await database.run(submitBatch(batch))
  const before = await stored()
  const second = await database.run(submitBatch(batch))
  expect(second).toEqual(first.map((row) => ({ ...row, fresh: false })))
  expect(await stored()).toEqual(before)
})

test('two submits with one key at the same moment store one batch and both get its ids', async () => {
  const before = await stored()
  const one = newBatch(MODELS, { idempotencyKey: 'clicked twice' })
  const two = newBatch(MODELS, { idempotencyKey: 'clicked twice' })
  const { first, second } = await race(database, submitBatch(one), submitBatch(two))
  expect(first.map(({ fresh }) => fresh)).toEqual([true, true])
  expect(second).toEqual(first.map((row) => ({ ...row, fresh: false })))
  expect(await stored()).toMatchObject({
    conversations: before?.conversations + 1,
    batches: before?.batches + 1,
    tasks: before?.tasks + 2,
  })
})

/** A submit whose key is so old. */
async function submittedWithin(age: string) {
  const batch = await submitted(database, MODELS)
  await database.query(
    'UPDATE idempotency_keys SET created_at = now() - $2::interval WHERE key = $1',
    [batch.idempotencyKey, age],
  )
  return batch
}

test('a key that is older than 24 h counts as none, though nobody has swept it', async () => {
  const young = await submittedWithin('23 h 59 min')
  const again = newBatch(MODELS, { idempotencyKey: young.idempotencyKey })
  expect((await database.run(submitBatch(again)))[0]).toMatchObject({ batch_id: young.batchId })
  const old = await submittedWithin('24 h 1 min')
  const next = newBatch(MODELS, { idempotencyKey: old.idempotencyKey, fingerprint: 'other' })
  const rows = await database.run(submitBatch(next))
  const stored = next.tasks.map(({ id }) => ({
    batch_id: next.batchId,
    conversation_id: next.conversationId,
    fingerprint: 'other',
    task_id: id,
  }))
  expect(rows).toMatchObject(stored.map((row) => ({ ...row, fresh: true })))
  const later = newBatch(MODELS, { idempotencyKey: old.idempotencyKey })
  expect(await database.run(submitBatch(later))).toMatchObject(
    stored.map((row) => ({ ...row, fresh: false })),
  )
})

test('two that find the same old key at the same moment store one batch', async () => {
  const { idempotencyKey } = await submittedWithin('25 h')
  const before = await stored()
  const one = newBatch(MODELS, { idempotencyKey })
  const two = newBatch(MODELS, { idempotencyKey })
  const { first, second } = await race(database, submitBatch(one), submitBatch(two))
  expect(first[0]).toMatchObject({ batch_id: one.batchId, fresh: true })
  expect(second).toEqual(first.map((row) => ({ ...row, fresh: false })))
  expect(await stored()).toMatchObject({ batches: before?.batches + 1, keys: before?.keys })
})

test('a key that is swept at the same moment is taken anew', async () => {
  const { idempotencyKey } = await submittedWithin('25 h')
  const batch = newBatch(MODELS, { idempotencyKey })
  const { second } = await race(database, forgetOldRows(1000), submitBatch(batch))
  expect(second[0]).toMatchObject({ batch_id: batch.batchId, fresh: true })
  const again = newBatch(MODELS, { idempotencyKey })
  expect((await database.run(submitBatch(again)))[0]).toMatchObject({ batch_id: batch.batchId })
})

test('two submits to one conversation at the same moment get different turns', async () => {
  const batch = await submitted(database, MODELS)
  const one = newBatch(MODELS, next(batch))
  const two = newBatch(MODELS, next(batch))
  await race(database, submitBatch(one), submitBatch(two))
  expect(await batchRow(database, one.batchId)).toMatchObject({ turn: 2 })
  expect(await batchRow(database, two.batchId)).toMatchObject({ turn: 3 })
})

test('the repeated submit of a new conversation does not wait for those who go on with it', async () => {
  const batch = await submitted(database, MODELS)
  const [other, again] = [await openSession(database), await openSession(database)]
  await other.query('BEGIN')
  await other.run(submitBatch(newBatch(MODELS, next(batch))))
  await again.query("SET lock_timeout = '1 s'")
  expect(await again.run(submitBatch(batch))).toHaveLength(2)
  await other.query('ROLLBACK')
})

test('a submit waits for its conversation before it takes its key', async () => {
  const batch = await submitted(database, MODELS)
  const [holder, waiter] = [await openSession(database), await openSession(database)]
  await holder.query('BEGIN')
  await holder.query('SELECT FROM conversations WHERE id = $1 FOR UPDATE', [batch.conversationId])
  const waiting = waiter.run(
    submitBatch(newBatch(MODELS, { ...next(batch), idempotencyKey: 'ordered' })),
  )
  await untilWaiting(database, waiter, waiting)
  const taken = await database.run(submitBatch(newBatch(MODELS, { idempotencyKey: 'ordered' })))
  expect(taken[0]).toMatchObject({ fresh: true })
  await holder.query('COMMIT')
  expect((await waiting)[0]).toMatchObject({ fresh: false, batch_id: taken[0]?.batch_id })
})

/** The files of a batch, in order, each with the object that holds it. */
function filesOf(batchId: string) {
  return database.query(
    `SELECT f.*, b.position, b.name FROM batch_files b JOIN files f ON f.id = b.file_id
     WHERE b.batch_id = $1 ORDER BY b.position`,
    [batchId],
  )
}

test('stores every column of the files, and the places in which they stand', async () => {
  const files = [newFile({ name: 'b.txt' }), newFile({ name: 'a.png', type: 'image/png' })]
  const batch = await submitted(database, MODELS, { owner: 'ada', files })
  expect(await filesOf(batch.batchId)).toMatchObject(
    files.map(({ id, name, objectKey, type, bytes, sha256 }, i) => ({
      id,
      owner: 'ada',
      sha256,
      type,
      bytes: String(bytes),
      object_key: objectKey,
      position: i + 1,
      name,
    })),
  )
})

test('content that the owner has keeps its row and its object; the new one is unused', async () => {
  const old = newFile({ name: 'old.txt' })
  await submitted(database, MODELS, { files: [old] })
  const again = newFile({ name: 'new.txt', sha256: old.sha256 })
  const fresh = newFile()
  const batch = newBatch(MODELS, { files: [fresh, again] })
  const rows = await database.run(submitBatch(batch))
  expect(rows.map(({ unused }) => unused)).toEqual([[again.objectKey], [again.objectKey]])
  expect(await filesOf(batch.batchId)).toMatchObject([
    { id: fresh.id, object_key: fresh.objectKey },
    { id: old.id, object_key: old.objectKey, name: 'new.txt' },
  ])
})

/** A file that is in a batch already, and whose object the store has lost. */
async function lostFile() {
  const lost = newFile()
  await submitted(database, MODELS, { files: [lost] })
  await database.run(markFileLost('local', lost.id, lost.objectKey))
  return lost
}

test('content whose object was lost keeps its row, and gets the new object, once', async () => {
  const lost = await lostFile()
  const found = newFile({ sha256: lost.sha256 })
  const batch = newBatch(MODELS, { files: [found] })
  expect((await database.run(submitBatch(batch)))[0]?.unused).toEqual([])
  const late = newFile({ sha256: lost.sha256 })
  const next = newBatch(MODELS, { files: [late] })
  expect((await database.run(submitBatch(next)))[0]?.unused).toEqual([late.objectKey])
  for (const { batchId } of [batch, next]) {
    expect(await filesOf(batchId)).toMatchObject([
      { id: lost.id, object_key: found.objectKey, lost_at: null },
    ])
  }
})

test('a repeat that waits for one that brought what was lost does not call it unused', async () => {
  const lost = await lostFile()
  const batch = newBatch(MODELS, { files: [newFile({ sha256: lost.sha256 })] })
  const { first, second } = await race(database, submitBatch(batch), submitBatch(batch))
  expect([first[0]?.unused, second[0]?.unused]).toEqual([[], []])
})

test('what is lost while a submit waits gets its object', async () => {
  const old = newFile()
  await submitted(database, MODELS, { files: [old] })
  const found = newFile({ sha256: old.sha256 })
  const batch = newBatch(MODELS, { files: [found] })
  const { second } = await race(
    database,
    markFileLost('local', old.id, old.objectKey),
    submitBatch(batch),
  )
  expect(second[0]?.unused).toEqual([])
  expect(await filesOf(batch.batchId)).toMatchObject([{ object_key: found.objectKey }])
})

test('the same content twice in one batch is one file in two places', async () => {
  const one = newFile({ name: 'one.txt' })
  const two = newFile({ name: 'two.txt', sha256: one.sha256 })
  const batch = newBatch(MODELS, { files: [one, two] })
  const rows = await database.run(submitBatch(batch))
  expect(rows[0]?.unused).toEqual([two.objectKey])
  expect(await filesOf(batch.batchId)).toMatchObject([
    { id: one.id, name: 'one.txt', position: 1 },
    { id: one.id, name: 'two.txt', position: 2 },
  ])
})

test('the same content of another owner is another file', async () => {
  const ada = newFile()
  await submitted(database, MODELS, { owner: 'ada', files: [ada] })
  const bob = newFile({ sha256: ada.sha256 })
  const batch = newBatch(MODELS, { owner: 'bob', files: [bob] })
  for (const _ of ['the first time', 'repeated']) {
    expect((await database.run(submitBatch(batch)))[0]?.unused).toEqual([])
  }
  expect(await filesOf(batch.batchId)).toMatchObject([{ id: bob.id, owner: 'bob' }])
})

test('the same key again stores no file, and calls all of its objects unused', async () => {
  const first = await submitted(database, MODELS, { files: [newFile()] })
  const before = await stored()
  const files = [newFile({ sha256: first.files[0]!.sha256 }), newFile()]
  const again = newBatch(MODELS, { idempotencyKey: first.idempotencyKey, files })
  const rows = await database.run(submitBatch(again))
  expect(rows[0]?.unused).toEqual(files.map(({ objectKey }) => objectKey))
  expect(await stored()).toEqual(before)
})

test('the very same statement again calls no object unused that a row names', async () => {
  const old = newFile()
  await submitted(database, MODELS, { files: [old] })
  const files = [newFile(), newFile({ sha256: old.sha256 })]
  const batch = newBatch(MODELS, { files })
  const first = await database.run(submitBatch(batch))
  const second = await database.run(submitBatch(batch))
  expect([first[0]?.unused, second[0]?.unused]).toEqual([
    [files[1]!.objectKey],
    [files[1]!.objectKey],
  ])
})

test('a repeat that waits for the very same statement calls none of its objects unused', async () => {
  const batch = newBatch(MODELS, { files: [newFile()] })
  const { first, second } = await race(database, submitBatch(batch), submitBatch(batch))
  expect(second).toEqual(first.map((row) => ({ ...row, fresh: false })))
  expect(second[0]?.unused).toEqual([])
})

test('two submits of the same content at the same moment share one file', async () => {
  const one = newFile()
  const two = newFile({ sha256: one.sha256 })
  const second = newBatch(MODELS, { files: [two] })
  const rows = await race(
    database,
    submitBatch(newBatch(MODELS, { files: [one] })),
    submitBatch(second),
  )
  expect(rows.first[0]?.unused).toEqual([])
  expect(rows.second[0]?.unused).toEqual([two.objectKey])
  expect(await filesOf(second.batchId)).toMatchObject([{ id: one.id }])
})

test('a submit that is refused stores no file', async () => {
  const before = await stored()
  const batch = newBatch(MODELS, { conversationId: uuidv7(), files: [newFile()] })
  expect(await database.run(submitBatch(batch))).toEqual([])
  expect(await stored()).toEqual(before)
})

test('submits that name the same files in opposite orders do not deadlock', async () => {
  const files = [newFile(), newFile(), newFile()]
  await submitted(database, MODELS, { files })
  await provesOrderOfLocks(database, {
    tasks: files.map(({ sha256 }) => sha256),
    table: 'files',
    key: 'sha256',
    statement: (hashes) =>
      submitBatch(newBatch(MODELS, { files: hashes.map((sha256) => newFile({ sha256 })) })),
  })
})
