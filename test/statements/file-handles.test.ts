import { v7 as uuidv7 } from 'uuid'
import { expect, test } from 'vitest'
import { findFileHandles } from '../../drizzle/statements/find-file-handles.ts'
import { saveFileHandle } from '../../drizzle/statements/save-file-handle.ts'
import { storedFile, storedNode } from '../setup/stored-files.ts'
import { useDatabase } from '../setup/use-database.ts'

const HOUR_MS = 3_600_000
const database = useDatabase()

const save = (fileId: string, nodeId: string, handle: string, hours = 48) =>
  database.run(
    saveFileHandle({ fileId, nodeId, handle, expiresAt: new Date(Date.now() + hours * HOUR_MS) }),
  )
const find = (fileIds: string[], nodeId: string) => database.run(findFileHandles(fileIds, nodeId))

test('the handles of the files that are asked for, of this node alone', async () => {
  const [one, two, other] = [
    await storedFile(database),
    await storedFile(database),
    await storedFile(database),
  ].map(({ file_id }) => file_id) as [string, string, string]
  const [node, otherNode] = [await storedNode(database), await storedNode(database)]
  await save(one, node, 'files/one')
  await save(one, otherNode, 'files/one-there')
  await save(other, node, 'files/other')
  expect(await find([one, two], node)).toEqual([{ file_id: one, handle: 'files/one' }])
})

test('a handle that may expire in the middle of a call is none', async () => {
  const { file_id } = await storedFile(database)
  const node = await storedNode(database)
  await save(file_id, node, 'files/one', 0.9)
  expect(await find([file_id], node)).toEqual([])
  await save(file_id, node, 'files/one', 1.1)
  expect(await find([file_id], node)).toHaveLength(1)
})

test('a new handle takes the place of the old one', async () => {
  const { file_id } = await storedFile(database)
  const node = await storedNode(database)
  await save(file_id, node, 'files/old', 2)
  await save(file_id, node, 'files/new', 48)
  expect(await find([file_id], node)).toEqual([{ file_id, handle: 'files/new' }])
})

test('of a file or node that is no longer there nothing is saved', async () => {
  const { file_id } = await storedFile(database)
  const node = await storedNode(database)
  await save(uuidv7(), node, 'files/one')
  await save(file_id, uuidv7(), 'files/one')
  const rows = await database.query('SELECT FROM file_handles WHERE file_id = $1', [file_id])
  expect(rows).toHaveLength(0)
})
