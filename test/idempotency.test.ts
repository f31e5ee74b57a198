import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { SubmitAnswer, UploadedFiles } from '../drizzle/contract/http-api.ts'
import { errorOf, until } from './setup/client.ts'
import { type Stack, startStack } from './stack.ts'

describe.each(['node', 'workerd'] as const)('on %s', (runtime) => {
  let stack: Stack
  beforeAll(async () => {
    stack = await startStack({ runtime, workers: 0 })
  })
  afterAll(() => stack?.stop())

  const newKey = () => randomBytes(8).toString('hex')

  const send = (key: string, body: FormData | string) =>
    fetch(`${stack.gatewayUrl}/v1/chat/completions`, {
      method: 'POST',
      headers: {
        'Idempotency-Key': key,
        ...(typeof body === 'string' && { 'content-type': 'application/json' }),
      },
      body,
    })

  function form(fields: Record<string, string>, files: File[] = []): FormData {
    const body = new FormData()
    for (const file of files) body.append('files', file)
    for (const [name, value] of Object.entries(fields)) body.append(name, value)
    return body
  }

  /** Sends all of them with one key, one after the other: they are all the same submit. */
  async function demandSame(bodies: (FormData | string)[]) {
    const key = newKey()
    const answers: unknown[] = []
    for (const [i, body] of bodies.entries()) {
      const response = await send(key, body)
      expect(response.status, await response.clone().text()).toBe(202)
      expect(response.headers.get('idempotent-replayed')).toBe(i === 0 ? null : 'true')
      answers.push(await response.json())
    }
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1)
  }

  test('fifty submits at once with one key are one batch, and all get its ids', async () => {
    const rows = () => stack.database.query('SELECT FROM batches')
    const before = (await rows()).length
    const objects = await stack.objectKeys()
    const key = newKey()
    const file = new File([newKey()], 'a.txt')
    const responses = await Promise.all(
      Array.from({ length: 50 }, () =>
        send(key, form({ prompt: 'a', model: 'qwen3,deepseek-chat' }, [file])),
      ),
    )
    expect(responses.map(({ status }) => status)).toEqual(Array(50).fill(202))
    const replayed = responses.filter(({ headers }) => headers.has('idempotent-replayed'))
    expect(replayed).toHaveLength(49)
    const answers = (await Promise.all(responses.map((one) => one.json()))) as SubmitAnswer[]
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1)
    expect(answers[0]!.task_ids).toHaveLength(2)
    expect(await rows()).toHaveLength(before + 1)
    await until(async () => (await stack.objectKeys()).length === objects.length + 1)
  })

  test('neither the order of the fields, nor the kind of body, nor defaults make another request', async () => {
    await demandSame([
      JSON.stringify({ prompt: 'a', model: 'qwen3', temperature: 0.5 }),
      JSON.stringify({ temperature: 0.5, model: 'qwen3', prompt: 'a' }),
      JSON.stringify({ prompt: 'a', model: ' qwen3, ', mode: 'text', temperature: 0.5 }),
      JSON.stringify({ prompt: 'a', model: 'qwen3', temperature: '0.50', system: null }),
      form({ temperature: '0.5', system: '', model: 'qwen3', prompt: 'a' }),
    ])
  })

  test('files that are named and the same files sent are the same request', async () => {
    const files = [new File([newKey()], 'a.txt'), new File([newKey()], 'b.txt')]
    const response = await fetch(`${stack.gatewayUrl}/v1/files`, {
      method: 'POST',
      body: form({}, files),
    })
    const uploaded = (await response.json()) as UploadedFiles
    const ids = uploaded.files.map(({ file_id }) => file_id)
    await demandSame([
      form({ prompt: 'a', model: 'qwen3' }, files),
      JSON.stringify({ prompt: 'a', model: 'qwen3', file_ids: ids }),
      form({ prompt: 'a', model: 'qwen3', file_ids: ids[0]! }, [files[1]!]),
    ])
  })

  test.each([
    ['prompt', { prompt: 'b' }],
    ['model', { model: 'qwen3,qwen4' }],
    ['order of models', { model: 'deepseek-chat,gemini-2.5-flash' }],
    ['number of answers', { gemini_concurrency: 2 }],
    ['system prompt', { system: 'Be brief.' }],
    ['temperature', { temperature: 1 }],
    ['length', { max_tokens: 5 }],
  ])('another %s under the same key is a conflict', async (_, other) => {
    const key = newKey()
    const asked = { prompt: 'a', model: 'gemini-2.5-flash,deepseek-chat' }
    expect((await send(key, JSON.stringify(asked))).status).toBe(202)
    const conflict = await send(key, JSON.stringify({ ...asked, ...other }))
    expect(conflict.status).toBe(422)
    expect(await errorOf(conflict)).toMatchObject({ code: 'idempotency_conflict' })
  })

  test('another conversation under the same key is a conflict', async () => {
    const [key, asked] = [newKey(), { prompt: 'a', model: 'qwen3' }]
    const first = (await (await send(key, JSON.stringify(asked))).json()) as SubmitAnswer
    const { conversation_id } = first
    expect((await send(key, JSON.stringify({ ...asked, conversation_id }))).status).toBe(422)
    const within = newKey()
    for (const id of [conversation_id, conversation_id.toUpperCase()]) {
      const response = await send(within, JSON.stringify({ ...asked, conversation_id: id }))
      expect(response.status).toBe(202)
    }
  })

  test('after 24 h the same key makes another batch, of any content', async () => {
    const key = newKey()
    const first = await send(key, JSON.stringify({ prompt: 'a', model: 'qwen3' }))
    await stack.database.query(
      "UPDATE idempotency_keys SET created_at = now() - interval '25 h' WHERE key = $1",
      [`key:${key}`],
    )
    const second = await send(key, JSON.stringify({ prompt: 'b', model: 'qwen3' }))
    expect(second.status).toBe(202)
    expect(second.headers.get('idempotent-replayed')).toBeNull()
    const ids = [await first.json(), await second.json()] as SubmitAnswer[]
    expect(ids[0]!.batch_id).not.toBe(ids[1]!.batch_id)
  })
})
