import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { FileRef } from '../../drizzle/contract/file-ref.ts'
import { ByteBudget } from '../../workers-node/byte-budget.ts'
import type { CalledModel } from '../../workers-node/call-model.ts'
import type { FileHandles } from '../../workers-node/file-handles.ts'
import { type FilesDoor, openFiles } from '../../workers-node/files-door.ts'
import { mentionOfFile, textOfFile } from '../../workers-node/prompt/text-of-file.ts'
import { fileRef } from '../prompt/files.ts'
import { type FilesServer, startFilesServer } from '../setup/files-server.ts'
import { PNG } from '../setup/pictures.ts'
import {
  asking,
  BROKE_OFF,
  type Call,
  call,
  compatible,
  expectFault,
  geminiService,
  google,
  INVALID,
  PROVIDERS,
  pause,
  SECRET,
  UNAVAILABLE,
  useModelServer,
} from '../setup/provider-calls.ts'

const NODE = '01990b6e-7a4c-7000-8a5e-3f1c2b4d5e02'
const server = useModelServer()
let gateway: FilesServer
let files: FilesDoor

beforeAll(async () => {
  gateway = await startFilesServer()
  files = openFiles(gateway.settings)
})
beforeEach(() => {
  server().answer(() => [{ text: 'Seen.' }])
  server().uploads.length = 0
  server().gives.clear()
  gateway.asked.length = 0
})
afterAll(async () => {
  await files.close()
  await gateway.close()
})

const pictureFile = () => gateway.keep(PNG, { name: 'cat.png', type: 'image/png' })
const pdfFile = (bytes = 100) =>
  gateway.keep(Buffer.alloc(bytes, '%PDF-1.7 '), { name: 'a.pdf', type: 'application/pdf' })

/** Asks with files, and expects an answer. */
async function show(to: CalledModel, task: Call['task'], handles?: FileHandles) {
  const composing = { files, ...(handles && { handles }) }
  const came = await call(to, { task: { prompt: 'What?', ...task }, composing })
  expect(came.error).toBeUndefined()
  expect(came.text).toBe('Seen.')
}

const lastMessage = () =>
  (server().requests.at(-1)!.body.messages as { content: unknown }[]).at(-1)!.content
const lastParts = () =>
  (server().requests.at(-1)!.body.contents as { parts: unknown[] }[]).at(-1)!.parts
const dataUrl = (type: string, bytes: Buffer) => `data:${type};base64,${bytes.toString('base64')}`

describe.each(PROVIDERS)('%s:', (_, modelAt, speaks) => {
  test('a text file stands in the prompt, with its name', async () => {
    const file = gateway.keep('Grüße', { name: 'a "b".md', type: 'text/markdown' })
    await show(modelAt(server().url), { files: [file] })
    const { text } = server().requests[0]!.messages[0]!
    expect(text).toContain(`${textOfFile(file, Buffer.from('Grüße'))}`)
    expect(text).toMatch(/What\?$/)
    if (speaks === 'openai') expect(lastMessage()).toBe(text)
  })

  test('a file that is gone fails the call, without a word to the service', async () => {
    const { error } = await call(modelAt(server().url), {
      task: { files: [fileRef()] },
      composing: { files },
    })
    expectFault(error, { code: 'file_unavailable', node: 'unasked' })
    expect(server().requests).toHaveLength(0)
  })

  test('a file of an earlier turn that is gone is only named', async () => {
    const file = fileRef({ name: 'lost.txt' })
    const turn = { prompt: 'one', files: [file], answer: 'first', made: [] }
    await show(modelAt(server().url), { history: [turn] })
    expect(server().requests[0]!.messages[0]!.text).toContain(mentionOfFile(file))
  })

  test('a file that the model does not take is rejected, and of an earlier turn only named', async () => {
    const file = gateway.keep('PK', { name: 'a.zip', type: 'application/zip' })
    const to = modelAt(server().url)
    const { error } = await call(to, { task: { files: [file] }, composing: { files } })
    expectFault(error, { code: 'file_rejected', node: 'unasked' })
    const turn = { prompt: 'one', files: [file], answer: 'first', made: [] }
    await show(to, { history: [turn] })
    expect(server().requests[0]!.messages[0]!.text).toContain(mentionOfFile(file))
    expect(gateway.asked).toEqual([])
  })
})

test('an OpenAI-compatible service gets pictures inline', async () => {
  await show(asking(compatible(server().url), 'qwen2.5-vl:7b'), { files: [pictureFile()] })
  expect(lastMessage()).toEqual([
    { type: 'image_url', image_url: { url: dataUrl('image/png', PNG) } },
    { type: 'text', text: 'What?' },
  ])
})

test('a model that only reads gets no pictures', async () => {
  const { error } = await call(compatible(server().url), { task: { files: [pictureFile()] } })
  expectFault(error, { code: 'file_rejected', node: 'unasked' })
})

test('Google gets pictures and PDFs inline, those of earlier turns too', async () => {
  const [seen, read, made] = [pictureFile(), pdfFile(), pictureFile()]
  const turn = { prompt: 'one', files: [seen], answer: '', made: [made] }
  await show(google(server().url), { files: [read], history: [turn] })
  const inline = (mimeType: string, data: Buffer) => ({
    inlineData: { mimeType, data: data.toString('base64') },
  })
  const bytes = gateway.kept.get(read.file_id)!.bytes
  expect(server().requests[0]!.body.contents).toEqual([
    { role: 'user', parts: [inline('image/png', PNG), { text: 'one' }] },
    { role: 'model', parts: [{ text: '[The answer was a picture.]' }] },
    {
      role: 'user',
      parts: [
        { text: '[From your answer above:]' },
        inline('image/png', PNG),
        inline('application/pdf', bytes),
        { text: 'What?' },
      ],
    },
  ])
  expect(server().uploads).toHaveLength(0)
})

test('a Gemini service is given files by POST /upload, and told their paths', async () => {
  const text = gateway.keep('Hm', { name: 'a.txt' })
  const [seen, read] = [pictureFile(), pdfFile()]
  const turn = { prompt: 'one', files: [seen], answer: 'A cat.', made: [] }
  await show(geminiService(server().url), { files: [read, text], history: [turn] })
  const { uploads, requests } = server()
  const sorted = uploads.toSorted((a, b) => a.type.localeCompare(b.type))
  expect(sorted.map(({ name, type }) => [name, type])).toEqual([
    ['a.pdf', 'application/pdf'],
    ['cat.png', 'image/png'],
  ])
  expect(sorted[1]!.bytes).toEqual(PNG)
  expect(requests[0]!.body).toMatchObject({
    files: [sorted[1]!.handle, sorted[0]!.handle],
    messages: [
      { role: 'user', content: 'one' },
      { role: 'assistant', content: 'A cat.' },
      { role: 'user', content: `${textOfFile(text, Buffer.from('Hm'))}\n\nWhat?` },
    ],
  })
})

test('a request without files names none', async () => {
  await show(geminiService(server().url), {})
  expect(server().requests[0]!.body).not.toHaveProperty('files')
})

/** More than a request to Google carries. */
const large = () => pdfFile(13 * 1024 * 1024)

describe.each([
  ['a Gemini service', geminiService, '/upload'],
  ['Google, when it is asked where to', google, '/upload/v1beta/files'],
  ['Google, when it has the bytes', google, '/upload-session'],
])('an upload to %s:', (_, modelAt, path) => {
  const upload = (timeouts?: Call['timeouts']) =>
    call(modelAt(server().url), {
      task: { files: [large()] },
      composing: { files },
      ...(timeouts && { timeouts }),
    })

  test('silence ends the call by its whole time, and the connection with it', async () => {
    const left = Promise.withResolvers<void>()
    server().gives.set(path, (response) => void response.on('close', left.resolve))
    const { error } = await upload({ totalMs: 1000 })
    expectFault(error, { code: 'model_timeout', node: 'fault' })
    await left.promise
    expect(server().requests).toHaveLength(0)
  })

  test('an answer that stops half way does so too', async () => {
    const left = Promise.withResolvers<void>()
    server().gives.set(path, (response) => {
      response.on('close', left.resolve).writeHead(200).write('{')
    })
    expectFault((await upload({ totalMs: 1000 })).error, { code: 'model_timeout', node: 'fault' })
    await left.promise
  })

  test('an answer that breaks off is tried again', async () => {
    server().gives.set(path, (response) => {
      response.writeHead(200, { 'content-length': '100' }).write('{', () => response.destroy())
    })
    expectFault((await upload()).error, BROKE_OFF)
  })

  test.each([
    'no JSON',
    '{}',
    'null',
    '{"file":{"state":"ACTIVE"}}',
  ])('an answer of another kind is none: %s', async (answer) => {
    server().gives.set(path, (response) => void response.end(answer))
    expectFault((await upload()).error, INVALID)
  })

  test('a refusal is one of the service', async () => {
    const body = JSON.stringify({ error: { message: SECRET } })
    server().gives.set(path, (response) => void response.writeHead(503).end(body))
    expectFault((await upload()).error, UNAVAILABLE)
  })
})

test('what was not asked before the whole time was over may be asked again', async () => {
  const task = { files: [pictureFile()] }
  gateway.instead.push(() => {})
  const came = await call(google(server().url), {
    task,
    composing: { files },
    timeouts: { totalMs: 500 },
  })
  expectFault(came.error, { code: 'model_timeout', retryable: true, node: 'unasked' })
})

test('the whole time counts once, for the uploads and the answer', async () => {
  server().gives.set('/upload', (response) => {
    setTimeout(() => response.end('{"files":["/srv/1"]}'), 800)
  })
  server().answer(() => [{ until: pause(1000) }, { text: 'Seen.' }])
  const { error } = await call(geminiService(server().url), {
    task: { files: [pictureFile()] },
    composing: { files },
    timeouts: { totalMs: 1500 },
  })
  expectFault(error, { code: 'model_timeout' })
})

describe('the memory that files take:', () => {
  /** Asks with a picture, where there is room for one only. */
  const tight = () => ({ ...files, room: new ByteBudget(PNG.length) })
  const see = (door: FilesDoor, options: Call = {}, at: typeof google = google) =>
    call(at(server().url), {
      ...options,
      task: { files: [pictureFile()], ...options.task },
      composing: { files: door, ...options.composing },
    })

  test('one after the other is uploaded, and fetched only then', async () => {
    const task = { files: [pictureFile(), pictureFile(), pictureFile()] }
    const order: string[] = []
    server().gives.set('/upload', (response) => {
      order.push(`fetched ${gateway.asked.length}`)
      setTimeout(() => response.end('{"files":["/srv/1"]}', () => order.push('uploaded')), 50)
    })
    const { error } = await see(files, { task }, geminiService)
    expect(error).toBeUndefined()
    expect(order.filter((what) => what !== 'uploaded')).toEqual([
      'fetched 1',
      'fetched 2',
      'fetched 3',
    ])
  })

  test('no call fetches its files before there is room, which one that ends makes', async () => {
    const first = Promise.withResolvers<void>()
    server().answer(({ body }) => [
      ...(JSON.stringify(body).includes('FIRST') ? [{ until: first.promise }] : []),
      { text: 'Seen.' },
    ])
    const door = tight()
    const calls = [see(door, { task: { prompt: 'FIRST' } })]
    while (server().requests.length === 0) await pause(5)
    calls.push(see(door), see(door))
    const late = await see(door, { timeouts: { totalMs: 300 } })
    expectFault(late.error, { code: 'model_timeout', retryable: true, node: 'unasked' })
    expect(gateway.asked).toEqual(['GET'])
    first.resolve()
    for (const { error, text } of await Promise.all(calls)) {
      expect([error, text]).toEqual([undefined, 'Seen.'])
    }
    expect(gateway.asked).toHaveLength(3)
  })

  test.each<[string, typeof google, () => void]>([
    ['an answer fails', google, () => server().answer(() => ({ status: 500, body: '' }))],
    [
      'a file is not to be had',
      google,
      () => void gateway.instead.push((response) => void response.writeHead(500).end()),
    ],
    [
      'an upload fails',
      geminiService,
      () => void server().gives.set('/upload', (response) => void response.writeHead(500).end()),
    ],
  ])('where %s its room is free again', async (_, at, fail) => {
    const door = tight()
    fail()
    expect((await see(door, {}, at)).error).toBeDefined()
    server().gives.clear()
    server().answer(() => [{ text: 'Seen.' }])
    expect((await see(door, {}, at)).text).toBe('Seen.')
  })
})

describe("Google's File API:", () => {
  const remembering = (): FileHandles & { known: Map<string, string> } => {
    const known = new Map<string, string>()
    return {
      known,
      find: async (ids) => new Map([...known].filter(([id]) => ids.includes(id))),
      async save(fileId, nodeId, handle, expiresAt) {
        expect(nodeId).toBe(NODE)
        expect(expiresAt.getTime() - Date.now()).toBeGreaterThan(47 * 3_600_000)
        known.set(fileId, handle)
      },
    }
  }
  const fileData = ({ type }: FileRef, fileUri: string) => ({
    fileData: { mimeType: type, fileUri },
  })

  test('a file that is too large for a request is uploaded, once while it is remembered', async () => {
    const file = large()
    const handles = remembering()
    const task = { files: [file], node_id: NODE }
    await show(google(server().url), task, handles)
    const [uploaded] = server().uploads
    expect(uploaded).toMatchObject({ type: 'application/pdf' })
    expect(uploaded!.bytes.equals(gateway.kept.get(file.file_id)!.bytes)).toBe(true)
    expect(lastParts()).toEqual([fileData(file, uploaded!.handle), { text: 'What?' }])

    await show(google(server().url), task, handles)
    expect(server().uploads).toHaveLength(1)
    expect(gateway.asked).toEqual(['GET'])
    expect(lastParts()).toEqual([fileData(file, uploaded!.handle), { text: 'What?' }])
  })

  test('a file that Google no longer has is uploaded again', async () => {
    const file = large()
    const handles = remembering()
    handles.known.set(file.file_id, 'https://generativelanguage.googleapis.com/v1beta/files/old')
    // The words: github.com/google-gemini/deprecated-generative-ai-python/issues/692.
    const message = 'You do not have permission to access the File old or it may not exist.'
    const gone = { error: { code: 403, message, status: 'PERMISSION_DENIED' } }
    server().answer(({ body }) =>
      JSON.stringify(body).includes('files/old')
        ? { status: 403, body: gone }
        : [{ text: 'Seen.' }],
    )
    await show(google(server().url), { files: [file], node_id: NODE }, handles)
    expect(server().requests).toHaveLength(2)
    const { handle } = server().uploads[0]!
    expect(lastParts()).toEqual([fileData(file, handle), { text: 'What?' }])
    expect(handles.known.get(file.file_id)).toBe(handle)
  })

  test('a file that Google cannot process is rejected', async () => {
    const failed = { file: { name: 'files/a', uri: 'https://x/files/a', state: 'FAILED' } }
    server().gives.set('/upload-session', Buffer.from(JSON.stringify(failed)))
    const { error } = await call(google(server().url), {
      task: { files: [large()] },
      composing: { files },
    })
    expectFault(error, { code: 'file_rejected' })
  })

  test('a refusal of another kind is not taken for that', async () => {
    const file = large()
    const handles = remembering()
    handles.known.set(file.file_id, 'https://generativelanguage.googleapis.com/v1beta/files/old')
    const error = { code: 403, message: 'Your key has been suspended.', status: 'DENIED' }
    server().answer(() => ({ status: 403, body: { error } }))
    const task = { files: [file], node_id: NODE }
    const came = await call(google(server().url), { task, composing: { files, handles } })
    expectFault(came.error, { code: 'model_refused_credentials' })
    expect(server().requests).toHaveLength(1)
  })
})
