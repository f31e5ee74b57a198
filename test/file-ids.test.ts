import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Batch, File as StoredFile, UploadedFiles } from '../drizzle/contract/http-api.ts'
import { saveUploads } from '../drizzle/statements/save-uploads.ts'
import { openPostgres } from '../workers-node/postgres.ts'
import { batchUntil, errorOf, until } from './setup/client.ts'
import { newFile } from './setup/new-batch.ts'
import { PNG } from './setup/pictures.ts'
import { openSession } from './setup/session.ts'
import { startGateway } from './setup/start-gateway.ts'
import { type Stack, startStack } from './stack.ts'

const NOWHERE = '01990b6e-7a4c-7000-8a5e-3f1c2b4d5e6f'
const text = () => randomBytes(9).toString('hex')

describe.each(['node', 'workerd'] as const)('on %s', (runtime) => {
  let stack: Stack
  beforeAll(async () => {
    stack = await startStack({ runtime, workers: 0 })
  })
  afterAll(() => stack?.stop())

  function send(files: File[]): Promise<Response> {
    const body = new FormData()
    for (const file of files) body.append('files', file)
    return fetch(`${stack.gatewayUrl}/v1/files`, { method: 'POST', body })
  }

  async function uploaded(files: File[]): Promise<StoredFile[]> {
    const response = await send(files)
    expect(response.status, await response.clone().text()).toBe(201)
    return ((await response.json()) as UploadedFiles).files
  }

  function submitJson(fields: Record<string, unknown>): Promise<Response> {
    return fetch(`${stack.gatewayUrl}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ prompt: 'Look', model: 'gemini-2.5-flash', ...fields }),
    })
  }

  function submitForm(fields: [string, string | File][]): Promise<Response> {
    const body = new FormData()
    body.append('prompt', 'Look')
    for (const [name, value] of fields) body.append(name, value)
    return fetch(`${stack.gatewayUrl}/v1/chat/completions`, { method: 'POST', body })
  }

  async function batchOf(response: Response): Promise<Batch> {
    expect(response.status, await response.clone().text()).toBe(202)
    const { batch_id } = (await response.json()) as { batch_id: string }
    return batchUntil(stack.gatewayUrl, batch_id, () => true)
  }

  const bare = (files: StoredFile[]) => files.map(({ url: _, ...file }) => file)

  test('files that are uploaded ahead are answered in order, and named by a submit of either kind', async () => {
    const contents = [text(), text()]
    const files = await uploaded([
      new File([contents[0]!], 'über.txt'),
      new File([PNG], 'photo.bin'),
      new File([contents[1]!], 'b.txt'),
    ])
    expect(files.map(({ name, type, bytes }) => [name, type, bytes])).toEqual([
      ['über.txt', 'text/plain', 18],
      ['photo.bin', 'image/png', PNG.length],
      ['b.txt', 'text/plain', 18],
    ])
    expect(await (await fetch(stack.gatewayUrl + files[0]!.url)).text()).toBe(contents[0])

    const [a, photo, b] = files.map(({ file_id }) => file_id)
    stack.sql.take()
    const json = await batchOf(await submitJson({ file_ids: [b, a!.toUpperCase()] }))
    // One to find the files, one to submit, and one for the poll.
    expect(stack.sql.take()).toHaveLength(3)
    expect(bare(json.files)).toEqual(bare([files[2]!, files[0]!]))
    const sent = new File([text()], 'sent.txt')
    for (const list of [`${photo}, ${a}`, JSON.stringify([photo, a])]) {
      const form = await batchOf(
        await submitForm([
          ['files', sent],
          ['file_ids', list],
        ]),
      )
      expect(form.files.map(({ name }) => name)).toEqual(['photo.bin', 'über.txt', 'sent.txt'])
    }
    stack.sql.take()
    await submitJson({ file_ids: [] })
    expect(stack.sql.take()).toHaveLength(1)
  })

  test('the same content keeps its id, and only one object', async () => {
    const content = text()
    const [first] = await uploaded([new File([content], 'a.txt')])
    const before = await stack.objectKeys()
    const again = await uploaded([new File([content], 'b.txt'), new File([content], 'c.txt')])
    expect(again.map(({ file_id, name }) => [file_id, name])).toEqual([
      [first!.file_id, 'b.txt'],
      [first!.file_id, 'c.txt'],
    ])
    await until(async () => (await stack.objectKeys()).length === before.length)
    expect((await stack.objectKeys()).toSorted()).toEqual(before.toSorted())
  })

  test('an id of nothing, or of another owner, is not found, and named', async () => {
    const [mine] = await uploaded([new File([text()], 'a.txt')])
    const postgres = openPostgres(stack.database.url, { connections: 1, timeoutMs: 5000 })
    const other = newFile()
    await postgres.run(saveUploads('eve', [other]))
    await postgres.close()
    for (const id of [NOWHERE, other.id, 'x']) {
      const response = await submitJson({ file_ids: [mine!.file_id, id] })
      expect(response.status).toBe(404)
      const error = await errorOf(response)
      expect(error).toMatchObject({ code: 'not_found', param: 'file_ids' })
      expect(error.message).toContain(`"${id}"`)
    }
  })

  test.each([
    ['a number', { file_ids: 7 }, /file_ids: must be a list of ids/],
    ['numbers', { file_ids: [7] }, /must be a list of ids/],
    ['broken JSON', { file_ids: '["a' }, /file_ids: must be a list of ids/],
    ['eleven', { file_ids: Array(11).fill(NOWHERE) }, /file_ids: name at most 10 files/],
    ['files in JSON', { files: ['x'] }, /or name them in file_ids/],
  ])('%s in place of ids is refused', async (_, fields, says) => {
    const response = await submitJson(fields)
    expect(response.status).toBe(400)
    expect((await errorOf(response)).message).toMatch(says)
  })

  test('named and sent files together are at most ten, and must be of a kind that the models take', async () => {
    const files = await uploaded(Array.from({ length: 6 }, (_, i) => new File([text()], `${i}`)))
    const [photo] = await uploaded([new File([PNG, text()], 'photo.png')])
    const before = await stack.objectKeys()
    const five = Array.from({ length: 5 }, () => new File([text()], 'sent'))
    const list = files.map(({ file_id }) => file_id).join()
    const many = await submitForm([
      ['file_ids', list],
      ...five.map((file): [string, File] => ['files', file]),
    ])
    expect(many.status).toBe(400)
    expect((await errorOf(many)).message).toMatch(/at most 10 files, those of file_ids among them/)
    const blind = await submitJson({ model: 'deepseek-chat', file_ids: [photo!.file_id] })
    expect(blind.status).toBe(400)
    expect(await errorOf(blind)).toMatchObject({
      param: 'files',
      message: expect.stringMatching(/"photo\.png" cannot be sent to deepseek-chat/),
    })
    await until(async () => (await stack.objectKeys()).length === before.length)
  })

  test('what no prompt has used for a day is gone after a later upload, object and all', async () => {
    const [unused, used] = await uploaded([new File([text()], 'a'), new File([text()], 'b')])
    await batchOf(await submitJson({ file_ids: [used!.file_id] }))
    const before = await stack.objectKeys()
    await stack.database.query(
      "UPDATE files SET unused_since = now() - interval '25 h' WHERE unused_since IS NOT NULL",
    )
    const [later] = await uploaded([new File([text()], 'c')])
    await until(async () => (await stack.objectKeys()).length < before.length)
    await until(async () => (await stack.database.query('SELECT FROM doomed_objects')).length === 0)
    const gone = await submitJson({ file_ids: [unused!.file_id] })
    expect(gone.status).toBe(404)
    expect((await fetch(stack.gatewayUrl + unused!.url)).status).toBe(404)
    await batchOf(await submitJson({ file_ids: [used!.file_id, later!.file_id] }))
    const rows = await stack.database.query('SELECT object_key FROM files')
    const keys = rows.map(({ object_key }) => object_key)
    expect((await stack.objectKeys()).toSorted()).toEqual(keys.toSorted())
  })

  test('a file that is forgotten while a submit is under way is not found', async () => {
    const [file] = await uploaded([new File([text()], 'a')])
    const forgetting = await openSession(stack.database)
    await forgetting.query('BEGIN')
    await forgetting.query('DELETE FROM files WHERE id = $1', [file!.file_id])
    const before = await stack.objectKeys()
    const sent = submitForm([
      ['file_ids', file!.file_id],
      ['files', new File([text()], 'b')],
    ])
    await until(async () => {
      const waiting = await stack.database.query(
        "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
      )
      return waiting.length === 1
    })
    await forgetting.query('COMMIT')
    const response = await sent
    expect(response.status).toBe(404)
    expect(await errorOf(response)).toMatchObject({ code: 'not_found', param: 'file_ids' })
    await until(async () => (await stack.objectKeys()).length === before.length)
  })

  test('an upload without files, of another type, or of an empty file is refused', async () => {
    const before = await stack.objectKeys()
    expect((await send([])).status).toBe(400)
    expect((await send([new File([text()], 'a'), new File([], 'void')])).status).toBe(400)
    const json = await fetch(`${stack.gatewayUrl}/v1/files`, { method: 'POST', body: '{}' })
    expect(json.status).toBe(415)
    await until(async () => (await stack.objectKeys()).length === before.length)
  })

  test('a form of a thousand parts is refused', async () => {
    const fields = Array.from({ length: 1000 }, (_, i): [string, string] => [`field ${i}`, 'a'])
    const response = await submitForm(fields)
    expect(response.status).toBe(400)
    expect((await errorOf(response)).message).toMatch(/at most 100 parts/)
  })
})

test('an upload whose answer is lost is stored once, though it is repeated', async () => {
  const stack = await startStack({ workers: 0 })
  stack.sql.loseAnswers = 2
  const body = new FormData()
  body.append('files', new File([text()], 'a'))
  const response = await fetch(`${stack.gatewayUrl}/v1/files`, { method: 'POST', body })
  expect(response.status).toBe(201)
  expect(await stack.database.query('SELECT FROM files')).toHaveLength(1)
  expect(await stack.objectKeys()).toHaveLength(1)
  await stack.stop()
})

test('without a file store nothing can be uploaded', async () => {
  const stack = await startStack({ workers: 0 })
  const { FILES_DIR: _, FILE_URL_SECRET: __, ...settings } = stack.gatewaySettings
  const gateway = await startGateway('node', settings)
  const body = new FormData()
  body.append('files', new File(['a'], 'a.txt'))
  const refused = await fetch(`${gateway.url}/v1/files`, { method: 'POST', body })
  expect(refused.status).toBe(400)
  expect(await errorOf(refused)).toMatchObject({ param: 'files', message: /no place for them/ })
  await gateway.stop()
  await stack.stop()
})
