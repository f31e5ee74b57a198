import { beforeEach, expect, test } from 'vitest'
import { listDoomedObjects } from '../../drizzle/statements/doomed-objects.ts'
import { forgetUnusedFiles } from '../../drizzle/statements/forget-unused-files.ts'
import { saveUploads } from '../../drizzle/statements/save-uploads.ts'
import { newFile } from '../setup/new-batch.ts'
import { openSession } from '../setup/session.ts'
import { submitted } from '../setup/task-states.ts'
import { useDatabase } from '../setup/use-database.ts'

const database = useDatabase()

beforeEach(async () => {
  await database.query('TRUNCATE files, batches, doomed_objects CASCADE')
})

/** A file that was uploaded ahead so long ago, and that no prompt has used. */
async function unusedFor(age: string, owner = 'local') {
  const file = newFile()
  await database.run(saveUploads(owner, [file]))
  await database.query('UPDATE files SET unused_since = now() - $2::interval WHERE id = $1', [
    file.id,
    age,
  ])
  return file
}

const left = async () => (await database.query('SELECT id FROM files')).map(({ id }) => id)
const doomed = async () =>
  (await database.run(listDoomedObjects(100))).map(({ object_key }) => object_key)

test('what no prompt has used for 24 h is forgotten, and its object doomed, whose ever it is', async () => {
  const young = await unusedFor('23 h 59 min')
  const old = [await unusedFor('24 h 1 min'), await unusedFor('25 h', 'ada')]
  expect(await database.run(forgetUnusedFiles(100))).toEqual([{ files: 2 }])
  expect(await left()).toEqual([young.id])
  expect((await doomed()).toSorted()).toEqual(old.map(({ objectKey }) => objectKey).toSorted())
})

test('the oldest go first, so many at a time', async () => {
  const [b, a] = [await unusedFor('26 h'), await unusedFor('27 h')]
  expect(await database.run(forgetUnusedFiles(1))).toEqual([{ files: 1 }])
  expect(await left()).toEqual([b.id])
  expect(await doomed()).toEqual([a.objectKey])
})

test('what a prompt or an answer names is not forgotten, and is not looked at again', async () => {
  const [sent, made] = [newFile(), newFile()]
  const batch = await submitted(database, ['qwen3'], { files: [sent] })
  await database.run(saveUploads('local', [made]))
  await database.query("INSERT INTO task_files VALUES ($1, $2, 1, 'a')", [
    batch.tasks[0]!.id,
    made.id,
  ])
  await database.query("UPDATE files SET unused_since = now() - interval '25 h'")
  const young = await unusedFor('23 h')
  const old = await unusedFor('24 h 30 min')
  expect(await database.run(forgetUnusedFiles(2))).toEqual([{ files: 0 }])
  expect(await database.run(forgetUnusedFiles(2))).toEqual([{ files: 1 }])
  expect(await doomed()).toEqual([old.objectKey])
  const marks = await database.query('SELECT id FROM files WHERE unused_since IS NOT NULL')
  expect(marks).toEqual([{ id: young.id }])
  expect(await left()).toHaveLength(3)
})

test('what somebody has locked is passed by', async () => {
  const [held, free] = [await unusedFor('26 h'), await unusedFor('25 h')]
  const holder = await openSession(database)
  await holder.query('BEGIN')
  await holder.query('SELECT FROM files WHERE id = $1 FOR UPDATE', [held.id])
  expect(await database.run(forgetUnusedFiles(1))).toEqual([{ files: 1 }])
  expect(await doomed()).toEqual([free.objectKey])
  await holder.query('ROLLBACK')
})
