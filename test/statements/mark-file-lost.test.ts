import { expect, test } from 'vitest'
import { markFileLost } from '../../drizzle/statements/mark-file-lost.ts'
import { saveFile } from '../../drizzle/statements/save-file.ts'
import { newFile } from '../setup/new-batch.ts'
import { useDatabase } from '../setup/use-database.ts'

const database = useDatabase()

async function saved(owner = 'ada') {
  const file = newFile()
  await database.run(saveFile(owner, file))
  return file
}

async function lostAt(fileId: string): Promise<Date | null> {
  const rows = await database.query<{ lost_at: Date | null }>(
    'SELECT lost_at FROM files WHERE id = $1',
    [fileId],
  )
  return rows[0]!.lost_at
}

test('a file is marked, and those beside it are not', async () => {
  const file = await saved()
  const beside = await saved()
  await database.run(markFileLost('ada', file.id, file.objectKey))
  expect(await lostAt(file.id)).toBeInstanceOf(Date)
  // Of another id, with the object of the first: only the id tells them apart.
  await database.query('UPDATE files SET object_key = $2 WHERE id = $1', [
    beside.id,
    file.objectKey,
  ])
  await database.run(markFileLost('ada', file.id, file.objectKey))
  expect(await lostAt(beside.id)).toBeNull()
})

test('a file of another owner is not marked', async () => {
  const file = await saved()
  await database.run(markFileLost('bob', file.id, file.objectKey))
  expect(await lostAt(file.id)).toBeNull()
})

test('a file that has another object by now is not marked', async () => {
  const file = await saved()
  await database.run(markFileLost('ada', file.id, 'uploads/the-one-before'))
  expect(await lostAt(file.id)).toBeNull()
})

test('a file that is marked is written once', async () => {
  const file = await saved()
  await database.run(markFileLost('ada', file.id, file.objectKey))
  const before = await lostAt(file.id)
  await database.run(markFileLost('ada', file.id, file.objectKey))
  expect(await lostAt(file.id)).toEqual(before)
})
