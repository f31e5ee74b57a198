import { ReadableStream } from 'node:stream/web'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { errorAnswer } from '../drizzle/contract/http-api.ts'
import { type Fields, post, until } from './setup/client.ts'
import { PNG } from './setup/pictures.ts'
import { RUNTIMES } from './setup/start-gateway.ts'
import { type Stack, startStack } from './stack.ts'

const NOWHERE = '01990b6e-7a4c-7000-8a5e-3f1c2b4d5e6f'
const file = new Blob(['hello'], { type: 'text/plain' })

type Case = [
  what: string,
  fields: Fields,
  status: number,
  code: string,
  param: string | null,
  says: RegExp,
]

const CASES: Case[] = [
  ['no prompt', {}, 400, 'invalid_request', 'prompt', /prompt is missing/],
  ['an empty prompt', { prompt: ' \n' }, 400, 'invalid_request', 'prompt', /not be empty/],
  ['a NUL in the prompt', { prompt: 'a\0b' }, 400, 'invalid_request', 'prompt', /NUL/],
  ['a long prompt', { prompt: 'x'.repeat(200_001) }, 400, 'invalid_request', 'prompt', /200000/],
  [
    'an empty model list',
    { prompt: 'a', model: '' },
    400,
    'invalid_request',
    'model',
    /at least one/,
  ],
  [
    'a list of commas',
    { prompt: 'a', model: ' , ,' },
    400,
    'invalid_request',
    'model',
    /at least one/,
  ],
  [
    'nine models',
    { prompt: 'a', model: Array.from({ length: 9 }, (_, i) => `qwen${i}`).join() },
    400,
    'invalid_request',
    'model',
    /at most 8/,
  ],
  [
    'an unknown model',
    { prompt: 'a', model: 'gemini-2.5-flash,gpt-9' },
    400,
    'unknown_model',
    'model',
    /"gpt-9".*gemini-2\.5-flash.*deepseek-r1:1\.5b.*qwen3:1\.7b/,
  ],
  ['an unknown mode', { prompt: 'a', mode: 'film' }, 400, 'invalid_request', 'mode', /image/],
  [
    'a mode that a model cannot do',
    { prompt: 'a', mode: 'image' },
    400,
    'invalid_request',
    'mode',
    /cannot/,
  ],
  [
    'three slots',
    { prompt: 'a', gemini_concurrency: 3 },
    400,
    'invalid_request',
    'gemini_concurrency',
    /2/,
  ],
  [
    'half a slot',
    { prompt: 'a', gemini_concurrency: 1.5 },
    400,
    'invalid_request',
    'gemini_concurrency',
    /./,
  ],
  [
    'a word for a number',
    { prompt: 'a', temperature: 'hot' },
    400,
    'invalid_request',
    'temperature',
    /./,
  ],
  ['heat', { prompt: 'a', temperature: 2.1 }, 400, 'invalid_request', 'temperature', /2/],
  ['no tokens', { prompt: 'a', max_tokens: 0 }, 400, 'invalid_request', 'max_tokens', /1/],
  [
    'a file in another field',
    { prompt: 'a', photo: file },
    400,
    'invalid_request',
    'photo',
    /in the field files/,
  ],
  [
    'an empty file',
    { prompt: 'a', files: new File([], 'void.txt') },
    400,
    'invalid_request',
    'files',
    /"void.txt" is empty/,
  ],
  [
    'a text in the place of a file',
    { prompt: 'a', files: 'hello' },
    400,
    'invalid_request',
    'files',
    /as files/,
  ],
  [
    'a picture for a model that reads text only',
    { prompt: 'a', model: 'gemini-2.5-flash,deepseek-chat', files: new File([PNG], 'cat.txt') },
    400,
    'invalid_request',
    'files',
    /"cat\.txt" cannot be sent to deepseek-chat: it is image\/png/,
  ],
  [
    'a file that no model takes',
    { prompt: 'a', files: new File(['a\0b'], 'tool.png', { type: 'image/png' }) },
    400,
    'invalid_request',
    'files',
    /"tool\.png" cannot be sent to gemini-2\.5-flash: it is application\/octet-stream/,
  ],
  [
    'a text that is too long for the model',
    { prompt: 'a', model: 'qwen3', files: new File(['x'.repeat(150_000)], 'long.txt') },
    400,
    'invalid_request',
    'files',
    /"long\.txt" cannot be sent to qwen3: its 150000 bytes are more/,
  ],
  [
    'a file with an endless name',
    { prompt: 'a', files: new File(['x'], 'x'.repeat(300)) },
    400,
    'invalid_request',
    'files',
    /name of a file.*255/,
  ],
  [
    'a good file for a conversation that is not there',
    { prompt: 'a', conversation_id: NOWHERE, files: file },
    404,
    'not_found',
    null,
    /conversation/,
  ],
  [
    'more bytes than an upload may have',
    { prompt: 'a', files: new File([new Uint8Array(9_000_001)], 'big.bin') },
    413,
    'payload_too_large',
    null,
    /9000000/,
  ],
  [
    'a conversation that is not there',
    { prompt: 'a', conversation_id: NOWHERE },
    404,
    'not_found',
    null,
    /conversation/,
  ],
  [
    'a conversation id that is none',
    { prompt: 'a', conversation_id: '7' },
    404,
    'not_found',
    null,
    /./,
  ],
  [
    'a prompt of 1 MB',
    { prompt: 'x'.repeat(1024 * 1024) },
    413,
    'payload_too_large',
    null,
    /1048576/,
  ],
  [
    // Large enough that the answer comes while the client is still sending.
    'a prompt of 8 MB',
    { prompt: 'x'.repeat(8 * 1024 * 1024) },
    413,
    'payload_too_large',
    null,
    /1048576/,
  ],
]

describe.each(RUNTIMES)('on %s', (runtime) => {
  let stack: Stack
  beforeAll(async () => {
    stack = await startStack({
      runtime,
      workers: 0,
      gatewaySettings: { MAX_UPLOAD_BYTES: '9000000' },
    })
  })
  afterAll(() => stack?.stop())

  async function expectRefusal(response: Response, status: number, code: string) {
    const { error } = errorAnswer.parse(await response.json())
    expect({ status: response.status, code: error.code }).toEqual({ status, code })
    expect(error.request_id).toBe(response.headers.get('x-request-id'))
    const stored = await stack.database.query(
      `SELECT FROM conversations UNION ALL SELECT FROM batches UNION ALL SELECT FROM tasks
       UNION ALL SELECT FROM idempotency_keys UNION ALL SELECT FROM files`,
    )
    expect(stored).toHaveLength(0)
    // They go while the answer goes out, or after it.
    await until(async () => (await stack.objectKeys()).length === 0)
    return error
  }

  test.each(
    CASES,
  )('%s is refused, and nothing is stored', async (_, fields, status, code, param, says) => {
    const error = await expectRefusal(await post(stack.gatewayUrl, fields), status, code)
    expect(error.param).toBe(param)
    expect(error.message).toMatch(says)
  })

  test.each([
    ['text/plain', 'prompt=a', 415, 'unsupported_media_type'],
    ['application/x-www-form-urlencoded', 'prompt=a', 415, 'unsupported_media_type'],
    ['application/json', '{"prompt":', 400, 'invalid_request'],
    ['application/json', '["prompt"]', 400, 'invalid_request'],
    ['application/json', 'null', 400, 'invalid_request'],
    ['application/json', '{"prompt":7}', 400, 'invalid_request'],
    ['application/json', '{"prompt":"a\\u0000b"}', 400, 'invalid_request'],
    ['application/json', '{"prompt":"a","files":["x"]}', 400, 'invalid_request'],
    ['multipart/form-data', 'prompt=a', 400, 'invalid_request'],
    ['multipart/form-data; boundary=x', '--y\r\n', 400, 'invalid_request'],
  ])('a body of type %s with %s is refused', async (type, body, status, code) => {
    const response = await fetch(`${stack.gatewayUrl}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': type },
      body,
    })
    await expectRefusal(response, status, code)
  })

  test.each([
    ['application/json', '{"prompt":"', 1_048_577, /at most 1048576/],
    [
      'multipart/form-data; boundary=b',
      '--b\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\n',
      9_000_001,
      /at most 9000000/,
    ],
  ])('a body of type %s that does not say how long it is is bounded', async (type, head, length, says) => {
    async function* body() {
      yield Buffer.from(head)
      for (let sent = 0; sent < length; sent += 65_536) yield Buffer.alloc(65_536, 'x')
    }
    const response = await fetch(`${stack.gatewayUrl}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': type },
      body: ReadableStream.from(body()),
      duplex: 'half',
    } as unknown as RequestInit)
    const { message } = await expectRefusal(response, 413, 'payload_too_large')
    expect(message).toMatch(says)
  })

  test('a field that is given twice is refused', async () => {
    const body = new FormData()
    body.append('prompt', 'a')
    body.append('prompt', 'b')
    const response = await fetch(`${stack.gatewayUrl}/v1/chat/completions`, {
      method: 'POST',
      body,
    })
    expect((await expectRefusal(response, 400, 'invalid_request')).param).toBe('prompt')
  })

  test.each([
    `/v1/batches/${NOWHERE}`,
    '/v1/batches/7',
    `/v1/tasks/${NOWHERE}`,
    '/v1/tasks/%00',
    `/v1/conversations/${NOWHERE}/history`,
    '/v1/conversations/x/history',
    '/v1/nothing',
  ])('%s is not found', async (path) => {
    await expectRefusal(await fetch(`${stack.gatewayUrl}${path}`), 404, 'not_found')
  })

  test.each([
    'limit=0',
    'limit=101',
    'limit=x',
    'cursor=zzz',
    'cursor=e30',
  ])('a list with %s is refused', async (query) => {
    const response = await fetch(`${stack.gatewayUrl}/v1/conversations?${query}`)
    await expectRefusal(response, 400, 'invalid_request')
  })
})
