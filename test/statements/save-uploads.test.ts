import { expect, test } from 'vitest'
import { markFileLost } from '../../drizzle/statements/mark-file-lost.ts'
import { saveFile } from '../../drizzle/statements/save-file.ts'
import { saveUploads } from '../../drizzle/statements/save-uploads.ts'
import { submitBatch } from '../../drizzle/statements/submit-batch.ts'
import { newBatch, newFile } from '../setup/new-batch.ts'
import { provesOrderOfLocks } from '../setup/opposite-orders.ts'
import { race } from '../setup/session.ts'
import { submitted } from '../setup/task-states.ts'
import { useDatabase } from '../setup/use-database.ts'

const database = useDatabase()

const rowOf = async (fileId: string) =>
  (
    await database.query(
      `SELECT *, unused_since > now() - interval '1 min' AS unused_now FROM files WHERE id = $1`,
      [fileId],
    )
  )[0]

test('stores every column of each file, in order, as not used yet', async () => {
  const files = [newFile({ name: 'b.txt' }), newFile({ name: 'a.png', type: 'image/png' })]
  expect(await database.run(saveUploads('ada', files))).toEqual(
    files.map(({ id, name, type, bytes }) => ({ file_id: id, name, type, bytes, unused: null })),
  )
  for (const { id, name, objectKey, type, bytes, sha256 } of files) {
    expect(await rowOf(id)).toMatchObject({
      owner: 'ada',
      sha256,
      type,
      bytes: String(bytes),
      object_key: objectKey,
      uploaded_name: name,
      unused_now: true,
    })
  }
})

test('content that the owner has keeps its row and its object; the name is the last one', async () => {
  const old = newFile({ name: 'old.txt' })
  await database.run(saveUploads('local', [old]))
  const again = newFile({ sha256: old.sha256, name: 'new.txt' })
  const twice = newFile({ sha256: old.sha256, name: 'twice.txt' })
  const rows = await database.run(saveUploads('local', [again, twice]))
  expect(rows).toMatchObject([
    { file_id: old.id, name: 'new.txt', unused: again.objectKey },
    { file_id: old.id, name: 'twice.txt', unused: twice.objectKey },
  ])
  expect(await rowOf(old.id)).toMatchObject({
    object_key: old.objectKey,
    uploaded_name: 'new.txt',
  })
})

test('of another owner the same content is another file', async () => {
  const ada = newFile()
  await database.run(saveUploads('ada', [ada]))
  const bob = newFile({ sha256: ada.sha256 })
  expect(await database.run(saveUploads('bob', [bob]))).toMatchObject([
    { file_id: bob.id, unused: null },
  ])
})

test('what is uploaded ahead is unused from now on, whether a prompt has it or not', async () => {
  const [used, unused] = [newFile(), newFile()]
  await submitted(database, ['qwen3'], { files: [used] })
  await database.run(saveUploads('local', [unused]))
  await database.query("UPDATE files SET unused_since = now() - interval '2 h' WHERE id = $1", [
    unused.id,
  ])
  const again = [used, unused].map(({ sha256 }) => newFile({ sha256 }))
  await database.run(saveUploads('local', again))
  expect(await rowOf(used.id)).toMatchObject({ unused_now: true })
  expect(await rowOf(unused.id)).toMatchObject({ unused_now: true })
})

test('a picture that a model made counts as used, though it was uploaded before', async () => {
  const file = newFile()
  await database.run(saveUploads('local', [file]))
  await database.run(saveFile('local', newFile({ sha256: file.sha256 })))
  expect(await rowOf(file.id)).toMatchObject({ unused_since: null })
})

test('content whose object was lost gets the new one', async () => {
  const lost = newFile()
  await database.run(saveUploads('local', [lost]))
  await database.run(markFileLost('local', lost.id, lost.objectKey))
  const found = newFile({ sha256: lost.sha256 })
  expect(await database.run(saveUploads('local', [found]))).toMatchObject([
    { file_id: lost.id, unused: null },
  ])
  expect(await rowOf(lost.id)).toMatchObject({ object_key: found.objectKey, lost_at: null })
})

test('the very same statement again, or at the same moment, finds what was stored', async () => {
  const files = [newFile(), newFile()]
  const { first, second } = await race(
    database,
    saveUploads('local', files),
    saveUploads('local', files),
  )
  expect(second).toEqual(first)
  expect(await database.run(saveUploads('local', files))).toEqual(first)
})

test('uploads and submits of the same files do not deadlock', async () => {
  const files = [newFile(), newFile(), newFile()]
  await database.run(saveUploads('local', files))
  await provesOrderOfLocks(database, {
    tasks: files.map(({ sha256 }) => sha256),
    table: 'files',
    key: 'sha256',
    statement: (hashes) =>
      saveUploads(
        'local',
        hashes.map((sha256) => newFile({ sha256 })),
      ),
    other: (hashes) =>
      submitBatch(newBatch(['qwen3'], { files: hashes.map((sha256) => newFile({ sha256 })) })),
  })
})
