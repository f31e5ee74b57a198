import { createHash, randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { ReadableStream } from 'node:stream/web'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { signFileUrl } from '../drizzle/contract/file-url.ts'
import type { Batch, File as FileOfBatch, History, Task } from '../drizzle/contract/http-api.ts'
import { batchUntil, errorOf, get, until } from './setup/client.ts'
import { JPEG, PNG } from './setup/pictures.ts'
import { PDF, png } from './setup/sample-files.ts'
import { RUNTIMES, startGateway } from './setup/start-gateway.ts'
import { type Stack, startStack } from './stack.ts'

const MODEL = 'gemini-2.5-flash'
/** Under what a model may take, and of several parts. */
const LARGE = Buffer.concat([PDF, randomBytes(12_000_000)])

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

type Sent = { fields?: [string, string | File][]; headers?: Record<string, string> }

describe.each(RUNTIMES)('on %s', (runtime) => {
  let stack: Stack
  beforeAll(async () => {
    stack = await startStack({ runtime, workers: 0 })
  })
  afterAll(() => stack?.stop())
  beforeEach(() => {
    Object.assign(stack.sql, { down: false, loseAnswers: 0, refuseWith: undefined })
  })

  function send(files: File[], { fields = [], headers }: Sent = {}): Promise<Response> {
    const body = new FormData()
    // The files come first: what the models take is known only afterwards.
    for (const file of files) body.append('files', file)
    body.append('prompt', 'Look')
    for (const [name, value] of [['model', MODEL], ...fields]) body.set(name!, value!)
    return fetch(`${stack.gatewayUrl}/v1/chat/completions`, { method: 'POST', body, headers })
  }

  async function batchWith(files: File[], sent?: Sent): Promise<Batch> {
    const response = await send(files, sent)
    expect(response.status, await response.clone().text()).toBe(202)
    const { batch_id } = (await response.json()) as { batch_id: string }
    return batchUntil(stack.gatewayUrl, batch_id, () => true)
  }

  async function bytesAt({ url }: FileOfBatch): Promise<Uint8Array> {
    const response = await fetch(stack.gatewayUrl + url)
    expect(response.status).toBe(200)
    return new Uint8Array(await response.arrayBuffer())
  }

  const signed = (
    method: 'GET' | 'PUT',
    fileId: string,
    { owner = 'local', inS = 60, secret = stack.gatewaySettings.FILE_URL_SECRET! } = {},
  ) =>
    signFileUrl(secret, { method, fileId, owner, expiresAt: Math.floor(Date.now() / 1000) + inS })

  const NEW_ID = '01990b6e-7a4c-7000-8a5e-3f1c2b4d5e6f'
  const put = async (body: Uint8Array, fileId = NEW_ID) =>
    fetch(stack.gatewayUrl + (await signed('PUT', fileId)), {
      method: 'PUT',
      body: body as BodyInit,
    })

  test('files come back as they were sent, in order, with type by content and name', async () => {
    const sent = [
      new File(['Grüße\n'], 'notes/über 中文 "1".md', { type: 'text/markdown' }),
      new File([PNG], 'photo.bin'),
      new File([LARGE as BlobPart], 'paper.pdf'),
      new File([JPEG], 'x.jpg', { type: 'text/html' }),
    ]
    const batch = await batchWith(sent)
    expect(batch.files.map(({ name, type, bytes }) => [name, type, bytes])).toEqual([
      ['über 中文 "1".md', 'text/plain', 8],
      ['photo.bin', 'image/png', PNG.length],
      ['paper.pdf', 'application/pdf', LARGE.length],
      ['x.jpg', 'image/jpeg', JPEG.length],
    ])
    for (const [i, file] of batch.files.entries()) {
      const original = new Uint8Array(await sent[i]!.arrayBuffer())
      expect(sha256(await bytesAt(file))).toBe(sha256(original))
    }
    const rows = await stack.database.query<{ sha256: string }>(
      'SELECT sha256 FROM files WHERE bytes = $1',
      [LARGE.length],
    )
    expect(rows).toEqual([{ sha256: sha256(LARGE) }])
  })

  test('a picture is shown, anything else is saved, and nothing is ever run', async () => {
    const { files } = await batchWith([
      new File([png([1, 2, 3])], 'a.png'),
      new File(['<script>alert(1)</script>'], 'a.html', { type: 'text/html' }),
    ])
    // In its own size, which a compressed answer does not tell.
    const asked = { headers: { 'accept-encoding': 'identity' } }
    const answers = await Promise.all(files.map(({ url }) => fetch(stack.gatewayUrl + url, asked)))
    const headers = answers.map(({ headers }) => [
      headers.get('content-type'),
      headers.get('content-disposition'),
    ])
    expect(headers).toEqual([
      ['image/png', `inline; filename="a.png"; filename*=UTF-8''a.png`],
      ['text/plain; charset=utf-8', `attachment; filename="a.html"; filename*=UTF-8''a.html`],
    ])
    for (const [i, answer] of answers.entries()) {
      expect(Object.fromEntries(answer.headers)).toMatchObject({
        'content-length': String(files[i]!.bytes),
        'x-content-type-options': 'nosniff',
        'content-security-policy': "default-src 'none'; sandbox",
        'cache-control': 'private, max-age=3600, immutable',
      })
      await answer.body?.cancel()
    }
    const head = await fetch(stack.gatewayUrl + files[0]!.url, { method: 'HEAD' })
    expect(head.headers.get('content-length')).toBe(String(files[0]!.bytes))
  })

  test('ten prompts at once with a picture of 2 MB each are all taken, and none mixed up', async () => {
    const contents = Array.from({ length: 10 }, () => Buffer.concat([PNG, randomBytes(2_000_000)]))
    const batches = await Promise.all(
      contents.map((content, i) => batchWith([new File([content], `${i}.png`)])),
    )
    const rows = await stack.database.query<{ id: string; sha256: string }>(
      'SELECT id, sha256 FROM files WHERE id = ANY ($1)',
      [batches.map(({ files }) => files[0]!.file_id)],
    )
    const hashes = new Map(rows.map(({ id, sha256 }) => [id, sha256]))
    for (const [i, { files }] of batches.entries()) {
      expect(files).toMatchObject([{ name: `${i}.png`, bytes: contents[i]!.length }])
      expect(hashes.get(files[0]!.file_id)).toBe(sha256(contents[i]!))
      expect(sha256(await bytesAt(files[0]!))).toBe(sha256(contents[i]!))
    }
  })

  test('content that the owner has is kept once, whatever it is called', async () => {
    const content = randomBytes(1000).toString('hex')
    const [first] = (await batchWith([new File([content], 'one.txt')])).files
    const before = await stack.objectKeys()
    const batch = await batchWith([
      new File([content], 'two.txt'),
      new File([content], 'three.txt'),
    ])
    expect(batch.files.map(({ file_id, name }) => [file_id, name])).toEqual([
      [first!.file_id, 'two.txt'],
      [first!.file_id, 'three.txt'],
    ])
    await until(async () => (await stack.objectKeys()).length === before.length)
    expect((await stack.objectKeys()).sort()).toEqual(before.sort())
    expect(Buffer.from(await bytesAt(batch.files[1]!)).toString()).toBe(content)
  })

  test('content that the store has lost is kept anew once it is sent again', async () => {
    const file = new File([randomBytes(1000).toString('hex')], 'a.txt')
    const [lost] = (await batchWith([file])).files
    await stack.database.query("UPDATE files SET object_key = 'uploads/gone' WHERE id = $1", [
      lost!.file_id,
    ])
    expect((await fetch(stack.gatewayUrl + lost!.url)).status).toBe(404)
    const [again] = (await batchWith([file])).files
    expect(again!.file_id).toBe(lost!.file_id)
    for (const found of [lost!, again!]) {
      expect(Buffer.from(await bytesAt(found)).toString()).toBe(await file.text())
    }
  })

  test('a key finds its batch by the files too, and the second upload is not kept', async () => {
    const content = randomBytes(1000).toString('hex')
    const headers = { 'Idempotency-Key': randomBytes(8).toString('hex') }
    const first = await batchWith([new File([content], 'a.txt')], { headers })
    const before = await stack.objectKeys()
    const again = await send([new File([content], 'a.txt')], { headers })
    expect(again.headers.get('idempotent-replayed')).toBe('true')
    expect(await again.json()).toMatchObject({ batch_id: first.batch_id })
    for (const other of [new File([content], 'b.txt'), new File([`${content}!`], 'a.txt')]) {
      const conflict = await send([other], { headers })
      expect(conflict.status).toBe(422)
    }
    expect((await send([], { headers })).status).toBe(422)
    await until(async () => (await stack.objectKeys()).length === before.length)
    expect((await stack.objectKeys()).sort()).toEqual(before.sort())
  })

  test('a statement whose answer is lost keeps its files, though it is repeated', async () => {
    stack.sql.loseAnswers = 2
    const content = randomBytes(1000)
    const { files } = await batchWith([new File([PDF, content], 'a.pdf')])
    expect(sha256(await bytesAt(files[0]!))).toBe(sha256(Buffer.concat([PDF, content])))
  })

  test('a submit whose outcome nobody knows keeps its files, and is found by its key', async () => {
    // More than are asked for: a runtime may send again by itself.
    stack.sql.loseAnswers = 100
    const headers = { 'Idempotency-Key': randomBytes(8).toString('hex') }
    const content = randomBytes(1000).toString('hex')
    const lost = await send([new File([content], 'a.txt')], { headers })
    expect(lost.status).toBe(503)
    stack.sql.loseAnswers = 0
    const before = await stack.objectKeys()
    const { files } = await batchWith([new File([content], 'a.txt')], { headers })
    expect(Buffer.from(await bytesAt(files[0]!)).toString()).toBe(content)
    await until(async () => (await stack.objectKeys()).length === before.length)
  })

  test.each([
    '53300',
    '57P03',
  ])('so does one that is refused with %s when repeated', async (code) => {
    Object.assign(stack.sql, { loseAnswers: 1, refuseWith: code })
    const headers = { 'Idempotency-Key': randomBytes(8).toString('hex') }
    const content = randomBytes(1000).toString('hex')
    const before = await stack.objectKeys()
    const refused = await send([new File([content], 'a.txt')], { headers })
    expect(refused.status).toBe(503)
    // Long enough for what goes on after the answer.
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect(await stack.objectKeys()).toHaveLength(before.length + 1)
    stack.sql.refuseWith = undefined
    const { files } = await batchWith([new File([content], 'a.txt')], { headers })
    expect(Buffer.from(await bytesAt(files[0]!)).toString()).toBe(content)
    await until(async () => (await stack.objectKeys()).length === before.length + 1)
  })

  test('ten files are taken, and an eleventh is refused', async () => {
    const files = Array.from({ length: 11 }, (_, i) => new File([`file ${i}`], `${i}.txt`))
    expect((await batchWith(files.slice(1))).files).toHaveLength(10)
    const before = await stack.objectKeys()
    const response = await send(files)
    expect(response.status).toBe(400)
    expect(await errorOf(response)).toMatchObject({ param: 'files', message: /at most 10/ })
    await until(async () => (await stack.objectKeys()).length === before.length)
  })

  test('pictures that only together are too much for a model are refused, and not kept', async () => {
    const picture = (name: string) => new File([PNG, Buffer.alloc(7_000_000)], name)
    const before = await stack.objectKeys()
    const sent = { fields: [['model', 'qwen2.5-vl:7b']] as [string, string][] }
    const response = await send(['a', 'b', 'c'].map(picture), sent)
    expect(response.status).toBe(400)
    expect(await errorOf(response)).toMatchObject({
      param: 'files',
      message:
        /cannot be sent to qwen2\.5-vl:7b: their 2\d{7} bytes are more than the 20971520 bytes/,
    })
    await until(async () => (await stack.objectKeys()).length === before.length)
  })

  test('a form whose file field nobody filled has no file', async () => {
    const body = [
      '--b',
      'Content-Disposition: form-data; name="files"; filename=""',
      'Content-Type: application/octet-stream',
      '',
      '',
      '--b',
      'Content-Disposition: form-data; name="prompt"',
      '',
      'one\r\ntwo',
      '--b--',
    ].join('\r\n')
    const response = await fetch(`${stack.gatewayUrl}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'multipart/form-data; boundary=b' },
      body,
    })
    expect(response.status).toBe(202)
    const { batch_id } = (await response.json()) as { batch_id: string }
    const batch = await batchUntil(stack.gatewayUrl, batch_id, () => true)
    expect(batch).toMatchObject({ files: [], user_prompt: 'one\ntwo' })
  })

  test('who hangs up in the middle of a file leaves nothing behind', async () => {
    const before = await stack.objectKeys()
    const hangUp = new AbortController()
    async function* body() {
      yield Buffer.from('--b\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\n')
      for (let i = 0; i < 200; i++) yield randomBytes(65_536)
      hangUp.abort()
      await new Promise(() => {})
    }
    const sending = fetch(`${stack.gatewayUrl}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'multipart/form-data; boundary=b' },
      body: ReadableStream.from(body()),
      duplex: 'half',
      signal: hangUp.signal,
    } as unknown as RequestInit)
    await expect(sending).rejects.toThrow()
    await until(async () => (await stack.objectKeys()).length === before.length)
    expect((await stack.objectKeys()).sort()).toEqual(before.sort())
  })

  test('an address that is forged, changed or over is forbidden; one of nothing is not found', async () => {
    const { files } = await batchWith([new File([randomBytes(9).toString('hex')], 'a.txt')])
    const { file_id, url } = files[0]!
    const addresses = {
      [url!.replace('owner=local', 'owner=eve')]: 403,
      [url!.replace(/expires=\d+/, 'expires=9999999999')]: 403,
      [url!.replace(/signature=.*/, '')]: 403,
      [url!.replace(file_id, NEW_ID)]: 403,
      [await signed('GET', file_id, { inS: -1 })]: 403,
      [await signed('GET', file_id, { secret: 'x'.repeat(40) })]: 403,
      [await signed('PUT', file_id)]: 403,
      [await signed('GET', file_id, { owner: 'eve' })]: 404,
      [await signed('GET', NEW_ID)]: 404,
    }
    for (const [address, status] of Object.entries(addresses)) {
      const response = await fetch(stack.gatewayUrl + address)
      expect(response.status, address).toBe(status)
      const { code } = await errorOf(response)
      expect(code).toBe(status === 403 ? 'forbidden' : 'not_found')
    }
  })

  test('a worker stores a picture that a model made, once by content', async () => {
    const picture = png([randomBytes(1)[0]!, randomBytes(1)[0]!, 7], 64, 64)
    const response = await put(picture)
    expect(response.status).toBe(201)
    expect(await response.json()).toEqual({
      file_id: NEW_ID,
      type: 'image/png',
      bytes: picture.length,
      sha256: sha256(picture),
    })
    const before = await stack.objectKeys()
    const again = await put(picture, '01990b6e-7a4c-7000-8a5e-3f1c2b4d5e70')
    expect(await again.json()).toMatchObject({ file_id: NEW_ID })
    await until(async () => (await stack.objectKeys()).length === before.length)

    const other = await put(png([9, 9, 9], 3, 3))
    expect(other.status).toBe(400)
    await until(async () => (await stack.objectKeys()).length === before.length)
    const fetched = await fetch(stack.gatewayUrl + (await signed('GET', NEW_ID)))
    expect(sha256(new Uint8Array(await fetched.arrayBuffer()))).toBe(sha256(picture))

    // As the worker's finish does it.
    const batch = await batchWith([])
    const { task_id } = batch.results[0]!
    await stack.database.query('INSERT INTO task_files VALUES ($1, $2, 1, $3)', [
      task_id,
      NEW_ID,
      'picture.png',
    ])
    const task = await get<Task>(stack.gatewayUrl, `/v1/tasks/${task_id}`)
    const history = await get<History>(
      stack.gatewayUrl,
      `/v1/conversations/${batch.conversation_id}/history`,
    )
    for (const files of [task.files, history.batches[0]!.results[0]!.files]) {
      expect(files).toMatchObject([{ file_id: NEW_ID, name: 'picture.png', type: 'image/png' }])
      expect(sha256(await bytesAt(files[0]!))).toBe(sha256(picture))
    }
  })

  test.each([
    ['text', Buffer.from('hello'), 415, 'unsupported_media_type'],
    ['nothing', Buffer.alloc(0), 400, 'invalid_request'],
    ['21 MB', Buffer.concat([PNG, Buffer.alloc(21 * 1024 * 1024)]), 413, 'payload_too_large'],
  ])('%s is no picture that a worker may store', async (_, body, status, code) => {
    const before = await stack.objectKeys()
    const response = await put(body, '01990b6e-7a4c-7000-8a5e-3f1c2b4d5e71')
    expect(response.status).toBe(status)
    expect(await errorOf(response)).toMatchObject({ code })
    await until(async () => (await stack.objectKeys()).length === before.length)
  })
})

test('without a file store a file is refused, and those of earlier days have no address', async () => {
  const stack = await startStack({ workers: 0 })
  const body = new FormData()
  body.append('prompt', 'a')
  body.append('files', new File(['a'], 'a.txt'))
  const address = '/v1/chat/completions'
  const taken = await fetch(stack.gatewayUrl + address, { method: 'POST', body })
  const { batch_id } = (await taken.json()) as { batch_id: string }
  const { FILES_DIR: _, FILE_URL_SECRET: __, ...settings } = stack.gatewaySettings
  const gateway = await startGateway('node', settings)
  const refused = await fetch(gateway.url + address, { method: 'POST', body })
  expect(refused.status).toBe(400)
  expect(await errorOf(refused)).toMatchObject({ param: 'files', message: /no place for them/ })
  const batch = await get<Batch>(gateway.url, `/v1/batches/${batch_id}`)
  expect(batch.files).toMatchObject([{ name: 'a.txt', url: null }])
  expect((await fetch(`${gateway.url}/v1/files/${batch.files[0]!.file_id}`)).status).toBe(404)
  await gateway.stop()
  await stack.stop()
})

test('a file has its own length, though the store does not say how long its object is', async () => {
  const objects = new Map<string, Buffer>()
  const store = createServer(async ({ method, url }, response) => {
    if (method === 'PUT') objects.set(url!, Buffer.from('hello'))
    else response.write(objects.get(url!))
    response.end()
  })
  await new Promise<void>((resolve) => store.listen(0, '127.0.0.1', resolve))
  const { port } = store.address() as AddressInfo
  const stack = await startStack({
    workers: 0,
    gatewaySettings: {
      S3_ENDPOINT: `http://127.0.0.1:${port}`,
      S3_BUCKET: 'files',
      S3_ACCESS_KEY_ID: 'key',
      S3_SECRET_ACCESS_KEY: 'secret',
    },
  })
  const body = new FormData()
  body.append('prompt', 'a')
  body.append('files', new File(['hello'], 'a.txt'))
  const address = `${stack.gatewayUrl}/v1/chat/completions`
  const taken = await fetch(address, { method: 'POST', body })
  const { batch_id } = (await taken.json()) as { batch_id: string }
  const { files } = await get<Batch>(stack.gatewayUrl, `/v1/batches/${batch_id}`)
  const answer = await fetch(stack.gatewayUrl + files[0]!.url, {
    headers: { 'accept-encoding': 'identity' },
  })
  expect(answer.headers.get('content-length')).toBe('5')
  expect(await answer.text()).toBe('hello')
  await stack.stop()
  store.close()
})
