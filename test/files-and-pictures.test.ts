import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { FileRef } from '../drizzle/contract/file-ref.ts'
import { ask, batchUntil, submit } from './setup/client.ts'
import { type FilesServer, startFilesServer } from './setup/files-server.ts'
import { type ModelServer, startModelServer } from './setup/model-server.ts'
import { PNG } from './setup/pictures.ts'
import type { Program } from './setup/spawn-program.ts'
import { attach } from './setup/stored-files.ts'
import { type Stack, startStack } from './stack.ts'

const PAINTER = 'gemini-2.5-flash-image'

let stack: Stack
let models: ModelServer
let files: FilesServer
let worker: Program | undefined

beforeAll(async () => {
  models = await startModelServer()
  files = await startFilesServer(noted)
  stack = await startStack({ models, workers: 0, workerSettings: { ...files.settings } })
})
afterEach(async () => {
  expect(await worker?.stop()).toBe(0)
  models.requests.length = 0
})
afterAll(async () => {
  await stack?.stop()
  await models?.close()
  await files?.close()
})

/** Notes a file that the files server has, as the gateway would. */
async function noted(file: FileRef) {
  await stack.database.query(
    `INSERT INTO files (id, owner, sha256, type, bytes, object_key)
     VALUES ($1, 'local', $2, $3, $4, $2)`,
    [file.file_id, file.sha256, file.type, file.bytes],
  )
  return file
}

test('a prompt goes to the model with its files', async () => {
  const seen = await noted(files.keep(PNG, { name: 'cat.png', type: 'image/png' }))
  const read = await noted(files.keep('Grüße', { name: 'a.txt' }))
  const { batch_id } = await submit(stack.gatewayUrl, { prompt: 'What?', model: PAINTER })
  await attach(stack.database, batch_id, [seen, read])
  worker = await stack.startWorker()
  const batch = await batchUntil(stack.gatewayUrl, batch_id)
  expect(batch.status).toBe('COMPLETED')
  expect(batch.files.map(({ name }) => name)).toEqual(['cat.png', 'a.txt'])
  const contents = models.requests[0]!.body.contents as { parts: object[] }[]
  expect(contents[0]!.parts).toEqual([
    { inlineData: { mimeType: 'image/png', data: PNG.toString('base64') } },
    { text: expect.stringContaining('Grüße') },
    { text: 'What?' },
  ])
})

test('a file that is gone fails the task at the first try, and the node is not blamed', async () => {
  const file = await noted(files.keep('gone', { name: 'gone.txt' }))
  files.kept.delete(file.file_id)
  const { batch_id } = await submit(stack.gatewayUrl, { prompt: 'What?', model: PAINTER })
  await attach(stack.database, batch_id, [file])
  worker = await stack.startWorker({ BREAKER_FAILURES: '1' })
  const { results } = await batchUntil(stack.gatewayUrl, batch_id)
  expect(results[0]).toMatchObject({ status: 2, error_code: 'file_unavailable' })
  expect(models.requests).toHaveLength(0)
  const [node] = await stack.database.query(
    "SELECT status, error_count FROM gemini_service_nodes WHERE family = 'gemini'",
  )
  expect(node).toEqual({ status: 'HEALTHY', error_count: 0 })
})

test('a gateway that stumbles is asked again', async () => {
  const file = await noted(files.keep('here', { name: 'here.txt' }))
  files.instead.push((response) => void response.writeHead(503).end())
  const { batch_id } = await submit(stack.gatewayUrl, { prompt: 'What?', model: PAINTER })
  await attach(stack.database, batch_id, [file])
  worker = await stack.startWorker({ RETRY_BASE_MS: '10' })
  expect((await batchUntil(stack.gatewayUrl, batch_id)).status).toBe('COMPLETED')
})

test('a picture comes back with the answer, and goes along with the next prompt', async () => {
  worker = await stack.startWorker()
  // Each is another: nobody keeps the same one twice.
  const drawings = ['1', '2'].map((last) => Buffer.concat([PNG, Buffer.from(last)]))
  models.answer(() => [{ picture: drawings[models.requests.length - 1]! }])
  const drawn = await ask(stack.gatewayUrl, { prompt: 'A cat.', model: PAINTER, mode: 'image' })
  expect(drawn.results[0]).toMatchObject({
    status: 1,
    response_text: '',
    answered_by: PAINTER,
    first_token_ms: expect.any(Number),
    files: [{ name: 'picture-1.png', type: 'image/png', bytes: drawings[0]!.length }],
  })
  await ask(stack.gatewayUrl, {
    prompt: 'Bluer.',
    model: PAINTER,
    mode: 'image',
    conversation_id: drawn.conversation_id,
  })
  const contents = models.requests[1]!.body.contents as { parts: object[] }[]
  expect(contents.at(-1)!.parts).toContainEqual({
    inlineData: { mimeType: 'image/png', data: drawings[0]!.toString('base64') },
  })
})

test('a soft refusal is asked for once, and its words are kept', async () => {
  worker = await stack.startWorker()
  models.answer(() => [{ text: 'I’m sorry, but I cannot create images.' }])
  const { status, results } = await ask(stack.gatewayUrl, { prompt: 'A cat.', model: 'qwen3' })
  expect(status).toBe('FAILED')
  expect(results[0]).toMatchObject({
    status: 2,
    error_code: 'soft_refusal',
    error_msg: 'The model declined the request.',
    response_text: 'I’m sorry, but I cannot create images.',
  })
  expect(models.requests).toHaveLength(1)
})
