import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { type FilesDoor, openFiles } from '../workers-node/files-door.ts'
import { log } from '../workers-node/log.ts'
import { fileRef } from './prompt/files.ts'
import { type FilesServer, startFilesServer } from './setup/files-server.ts'
import { PNG } from './setup/pictures.ts'

let server: FilesServer
let files: FilesDoor
const { signal } = new AbortController()

beforeAll(async () => {
  log.level = 'silent'
  server = await startFilesServer()
  files = openFiles(server.settings)
})
afterEach(() => {
  server.asked.length = 0
})
afterAll(async () => {
  await files.close()
  await server.close()
})

const status = (code: number) => (response: import('node:http').ServerResponse) =>
  void response.writeHead(code).end('SECRET')
const unavailable = (retryable: boolean) =>
  expect.objectContaining({ code: 'file_unavailable', retryable, node: 'unasked' })

test('a file comes as it is', async () => {
  const file = server.keep('Grüße')
  expect(Buffer.from(await files.fetch(file, 'local', signal)).toString()).toBe('Grüße')
})

test('a file that is gone, or is another owner’s, is not tried again', async () => {
  await expect(files.fetch(fileRef(), 'local', signal)).rejects.toEqual(unavailable(false))
  const file = server.keep('a')
  await expect(files.fetch(file, 'other', signal)).rejects.toEqual(unavailable(false))
})

test.each([
  ['shorter', 'Gruß'],
  ['longer', 'Grüße!'],
  ['other', 'grüße'],
])('bytes that are %s than those of the file are not taken for it', async (_, content) => {
  const { file_id } = server.keep(content)
  const file = fileRef({ file_id, content: 'Grüße' })
  await expect(files.fetch(file, 'local', signal)).rejects.toEqual(unavailable(true))
})

test.each([500, 503, 429])('status %i is worth another try', async (code) => {
  server.instead.push(status(code))
  await expect(files.fetch(server.keep('a'), 'local', signal)).rejects.toEqual(unavailable(true))
})

test('a redirect leads nowhere', async () => {
  const file = server.keep('a')
  server.instead.push((response) => void response.writeHead(302, { location: '/x' }).end())
  await expect(files.fetch(file, 'local', signal)).rejects.toEqual(unavailable(true))
  expect(server.asked).toEqual(['GET'])
})

test('a gateway that is not there is worth another try', async () => {
  const away = openFiles({ ...server.settings, GATEWAY_URL: 'http://127.0.0.1:1' })
  await expect(away.fetch(fileRef(), 'local', signal)).rejects.toEqual(unavailable(true))
  await away.close()
})

test('without settings there are no files', async () => {
  const none = openFiles({ GATEWAY_URL: server.settings.GATEWAY_URL })
  await expect(none.fetch(fileRef(), 'local', signal)).rejects.toEqual(unavailable(false))
  const lost = expect.objectContaining({ code: 'picture_lost', retryable: false })
  await expect(none.store({ type: 'image/png', bytes: PNG }, 'local', signal)).rejects.toEqual(lost)
  await none.close()
})

test('a picture is stored for its owner', async () => {
  const id = await files.store({ type: 'image/png', bytes: PNG }, 'somebody', signal)
  expect(server.kept.get(id)).toEqual({ owner: 'somebody', type: 'image/png', bytes: PNG })
})

test('the gateway may know the picture already, by another id', async () => {
  const { file_id } = fileRef()
  server.instead.push((response) => void response.writeHead(201).end(JSON.stringify({ file_id })))
  expect(await files.store({ type: 'image/png', bytes: PNG }, 'local', signal)).toBe(file_id)
})

test('a picture is not given up at the first fault, and put under the same URL again', async () => {
  const urls = new Set<string>()
  const busy: FilesServer['instead'][number] = (response, { url }) => {
    urls.add(url!)
    response.writeHead(503).end()
  }
  server.instead.push(busy, busy)
  const id = await files.store({ type: 'image/png', bytes: PNG }, 'local', signal)
  expect(server.asked).toHaveLength(3)
  expect(urls.size).toBe(1)
  expect([...urls][0]).toContain(id)
})

test('a picture that the gateway does not take is not tried again', async () => {
  server.instead.push(status(413))
  const lost = expect.objectContaining({ code: 'picture_lost', retryable: false, node: 'unasked' })
  await expect(files.store({ type: 'a/b', bytes: PNG }, 'local', signal)).rejects.toEqual(lost)
  expect(server.asked).toEqual(['PUT'])
})

test('who waits for a file no more is told so by the own reason', async () => {
  const abort = new AbortController()
  const reason = new Error('not ours any more')
  server.instead.push(() => abort.abort(reason))
  await expect(files.fetch(server.keep('a'), 'local', abort.signal)).rejects.toBe(reason)
})
