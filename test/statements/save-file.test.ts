import { v7 as uuidv7 } from 'uuid'
import { expect, test } from 'vitest'
import { findFile } from '../../drizzle/statements/find-file.ts'
import { markFileLost } from '../../drizzle/statements/mark-file-lost.ts'
import { saveFile } from '../../drizzle/statements/save-file.ts'
import { newFile } from '../setup/new-batch.ts'
import { race } from '../setup/session.ts'
import { useDatabase } from '../setup/use-database.ts'

const database = useDatabase()

test('stores every column of a file, which is then found', async () => {
  const file = newFile({ type: 'image/png', bytes: 20_000_000 })
  expect(await database.run(saveFile('ada', file))).toEqual([
    { id: file.id, object_key: file.objectKey },
  ])
  expect(await database.query('SELECT * FROM files WHERE id = $1', [file.id])).toMatchObject([
    { owner: 'ada', sha256: file.sha256 },
  ])
  expect(await database.run(findFile('ada', file.id))).toEqual([
    { type: 'image/png', bytes: 20_000_000, object_key: file.objectKey },
  ])
})

test('content that the owner has already gives the older file', async () => {
  const old = newFile()
  await database.run(saveFile('local', old))
  const again = saveFile('local', newFile({ sha256: old.sha256 }))
  expect(await database.run(again)).toEqual([{ id: old.id, object_key: old.objectKey }])
})

test('the very same statement again finds what it stored', async () => {
  const file = newFile()
  const first = await database.run(saveFile('local', file))
  expect(await database.run(saveFile('local', file))).toEqual(first)
})

test('content whose object was lost keeps its row, and gets the new object, once', async () => {
  const [old, next, later] = [newFile(), newFile(), newFile()]
  await database.run(saveFile('local', old))
  await database.run(markFileLost('local', old.id, old.objectKey))
  for (const { id, objectKey } of [next, later]) {
    const again = saveFile('local', { ...old, id, objectKey })
    expect(await database.run(again)).toEqual([{ id: old.id, object_key: next.objectKey }])
  }
})

test('two at the same moment with the same content get one file', async () => {
  const one = newFile()
  const two = newFile({ sha256: one.sha256 })
  const rows = await race(database, saveFile('local', one), saveFile('local', two))
  expect(rows.second).toEqual([{ id: one.id, object_key: one.objectKey }])
})

test('a file of another owner is not found, nor is one that does not exist', async () => {
  const file = newFile()
  await database.run(saveFile('ada', file))
  expect(await database.run(findFile('bob', file.id))).toEqual([])
  expect(await database.run(findFile('ada', uuidv7()))).toEqual([])
})

test('only the file asked for is found', async () => {
  await database.run(saveFile('local', newFile()))
  const file = newFile()
  await database.run(saveFile('local', file))
  expect(await database.run(findFile('local', file.id))).toHaveLength(1)
})
