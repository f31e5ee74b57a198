import { v7 as uuidv7 } from 'uuid'
import { expect, test } from 'vitest'
import type { FileRef } from '../../drizzle/contract/file-ref.ts'
import { findNamedFiles } from '../../drizzle/statements/find-named-files.ts'
import { forgetUnusedFiles } from '../../drizzle/statements/forget-unused-files.ts'
import { markFileLost } from '../../drizzle/statements/mark-file-lost.ts'
import { saveUploads } from '../../drizzle/statements/save-uploads.ts'
import {
  NAMED_FILE_GONE,
  type NewFile,
  submitBatch,
} from '../../drizzle/statements/submit-batch.ts'
import { newBatch, newFile } from '../setup/new-batch.ts'
import { provesOrderOfLocks } from '../setup/opposite-orders.ts'
import { race } from '../setup/session.ts'
import { submitted } from '../setup/task-states.ts'
import { useDatabase } from '../setup/use-database.ts'

const MODELS = ['qwen3:1.7b']
const database = useDatabase()

const asNamed = ({ id, name, type, bytes, sha256 }: NewFile): FileRef => ({
  file_id: id,
  name,
  type,
  bytes,
  sha256,
})

/** A file that was uploaded ahead. */
async function uploaded(overrides: Partial<NewFile> = {}): Promise<NewFile> {
  const file = newFile(overrides)
  await database.run(saveUploads('local', [file]))
  return file
}

const filesOf = (batchId: string) =>
  database.query(
    `SELECT f.id, f.object_key, f.unused_since, f.lost_at, b.position, b.name FROM batch_files b
     JOIN files f ON f.id = b.file_id WHERE b.batch_id = $1 ORDER BY b.position`,
    [batchId],
  )

async function age(fileId: string) {
  await database.query("UPDATE files SET unused_since = now() - interval '25 h' WHERE id = $1", [
    fileId,
  ])
}

test('files that are named come first, in order, and count as used; those uploaded come after', async () => {
  const [one, two] = [await uploaded({ name: 'one.txt' }), await uploaded({ name: 'two.txt' })]
  const sent = newFile({ name: 'sent.txt' })
  const named = [two, one].map(asNamed)
  const batch = newBatch(MODELS, { named, files: [sent] })
  expect((await database.run(submitBatch(batch)))[0]).toMatchObject({ fresh: true, unused: [] })
  expect(await filesOf(batch.batchId)).toEqual(
    [two, one, sent].map(({ id, objectKey, name }, i) => ({
      id,
      object_key: objectKey,
      unused_since: null,
      lost_at: null,
      position: i + 1,
      name,
    })),
  )
})

test('the same content named and sent at once is one file, whose first object stays', async () => {
  const file = await uploaded()
  const sent = newFile({ sha256: file.sha256, name: 'sent.txt' })
  const batch = newBatch(MODELS, { named: [asNamed(file)], files: [sent] })
  expect((await database.run(submitBatch(batch)))[0]?.unused).toEqual([sent.objectKey])
  expect(await filesOf(batch.batchId)).toMatchObject([
    { id: file.id, object_key: file.objectKey },
    { id: file.id, name: 'sent.txt' },
  ])
})

test('a file that was forgotten after it was found fails the submit, which stores nothing', async () => {
  const file = await uploaded()
  const batch = newBatch(MODELS, { named: [asNamed(file)] })
  await age(file.id)
  await database.run(forgetUnusedFiles(1000))
  await expect(database.run(submitBatch(batch))).rejects.toMatchObject({ code: NAMED_FILE_GONE })
  for (const table of ['batches', 'idempotency_keys']) {
    const column = table === 'batches' ? 'id' : 'batch_id'
    const rows = await database.query(`SELECT FROM ${table} WHERE ${column} = $1`, [batch.batchId])
    expect(rows).toEqual([])
  }
  expect(await database.query('SELECT FROM files WHERE id = $1', [file.id])).toEqual([])
})

test('so does one that is forgotten at the same moment; one that is used first stays', async () => {
  const [gone, kept] = [await uploaded(), await uploaded()]
  await age(gone.id)
  const late = newBatch(MODELS, { named: [asNamed(gone)] })
  await expect(race(database, forgetUnusedFiles(1000), submitBatch(late))).rejects.toMatchObject({
    code: NAMED_FILE_GONE,
  })
  await age(kept.id)
  const batch = newBatch(MODELS, { named: [asNamed(kept)] })
  // It is to wait here, where the product passes it by.
  const { text, params } = forgetUnusedFiles(1000)
  const waiting = { name: 'wait', text: text.replace(' SKIP LOCKED', ''), params }
  const { second } = await race(database, submitBatch(batch), waiting)
  expect(second).toEqual([{ files: 0 }])
  expect(await filesOf(batch.batchId)).toMatchObject([{ id: kept.id }])
})

test('a file whose object is lost after it was found keeps its row as it is', async () => {
  const file = await uploaded()
  await database.run(markFileLost('local', file.id, file.objectKey))
  const batch = await submitted(database, MODELS, { named: [asNamed(file)] })
  expect(await filesOf(batch.batchId)).toMatchObject([
    { object_key: file.objectKey, lost_at: expect.any(Date) },
  ])
  const sent = newFile({ sha256: file.sha256 })
  const both = await submitted(database, MODELS, { named: [asNamed(file)], files: [sent] })
  expect(await filesOf(both.batchId)).toMatchObject([
    { object_key: sent.objectKey, lost_at: null },
    { object_key: sent.objectKey },
  ])
})

test('a repeat finds what it stored, and calls nothing unused', async () => {
  const batch = newBatch(MODELS, { named: [asNamed(await uploaded())], files: [newFile()] })
  const first = await database.run(submitBatch(batch))
  expect(await database.run(submitBatch(batch))).toEqual(
    first.map((row) => ({ ...row, fresh: false, unused: [] })),
  )
  const other = newBatch(MODELS, { ...batch, batchId: uuidv7() })
  expect((await database.run(submitBatch(other)))[0]?.unused).toEqual([batch.files[0]!.objectKey])
})

test('submits that name some of the same files and send others, in opposite orders, do not deadlock', async () => {
  const files = await Promise.all([uploaded(), uploaded(), uploaded()])
  const named = new Map(files.map((file) => [file.sha256, asNamed(file)]))
  await provesOrderOfLocks(database, {
    tasks: [...named.keys()],
    table: 'files',
    key: 'sha256',
    statement: ([first, ...rest]) =>
      submitBatch(
        newBatch(MODELS, {
          named: [named.get(first!)!],
          files: rest.map((sha256) => newFile({ sha256 })),
        }),
      ),
    other: (hashes) =>
      submitBatch(newBatch(MODELS, { named: hashes.map((sha256) => named.get(sha256)!) })),
  })
})

test("a file is found by its id under its name, but not another's, nor one that is lost", async () => {
  const file = await uploaded({ name: 'mine.txt', bytes: 3_000_000_000 })
  const sent = newFile({ name: 'sent.txt' })
  await submitted(database, MODELS, { files: [sent] })
  const lost = await uploaded()
  await database.run(markFileLost('local', lost.id, lost.objectKey))
  const ids = [file, sent, lost].map(({ id }) => id)
  const found = await database.run(findNamedFiles('local', ids))
  expect(found.toSorted((a, b) => (a.name < b.name ? -1 : 1))).toEqual([file, sent].map(asNamed))
  expect(await database.run(findNamedFiles('ada', ids))).toEqual([])
})

test('a file that no upload has named has the name of its place', async () => {
  const [sent, made] = [newFile({ name: 'sent.txt' }), newFile()]
  const batch = await submitted(database, MODELS, { files: [sent, made] })
  await database.query('UPDATE files SET uploaded_name = NULL')
  await database.query('INSERT INTO task_files VALUES ($1, $2, 1, $3)', [
    batch.tasks[0]!.id,
    made.id,
    'picture.png',
  ])
  const found = await database.run(findNamedFiles('local', [sent.id, made.id]))
  expect(found.map(({ name }) => name).toSorted()).toEqual(['picture.png', 'sent.txt'])
})
