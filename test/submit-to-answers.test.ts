import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  batch as batchSchema,
  type Conversations,
  conversations,
  type Health,
  type History,
  health,
  history,
  type Models,
  models,
  submitAnswer,
  type Task,
  task,
} from '../drizzle/contract/http-api.ts'
import { batchUntil, get, post, submit } from './setup/client.ts'
import { RUNTIMES } from './setup/start-gateway.ts'
import { type Stack, startStack } from './stack.ts'

const THREE = 'gemini-2.5-flash, deepseek-r1:1.5b, qwen3:1.7b'
const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

describe.each(RUNTIMES)('on %s', (runtime) => {
  let stack: Stack

  beforeAll(async () => {
    stack = await startStack({ runtime })
  })
  afterAll(() => stack?.stop())

  test('one prompt is answered by three models, and can be read in every way', async () => {
    const response = await post(stack.gatewayUrl, { prompt: 'Why is the sky blue?', model: THREE })
    expect(response.status).toBe(202)
    const answer = submitAnswer.parse(await response.json())
    expect(response.headers.get('location')).toBe(`/v1/batches/${answer.batch_id}`)
    expect(response.headers.get('x-request-id')).toBeTruthy()
    expect(answer.task_ids).toHaveLength(3)
    for (const id of [answer.batch_id, answer.conversation_id, ...answer.task_ids]) {
      expect(id).toMatch(UUID_V7)
    }

    const ended = batchSchema.parse(await batchUntil(stack.gatewayUrl, answer.batch_id))
    expect(ended).toMatchObject({ status: 'COMPLETED', user_prompt: 'Why is the sky blue?' })
    expect(ended.poll_after_ms).toBeNull()
    expect(ended.finished_at).not.toBeNull()
    expect(ended.results.map(({ task_id }) => task_id)).toEqual(answer.task_ids)
    expect(ended.results.map(({ model }) => model)).toEqual(THREE.split(', '))
    for (const result of ended.results) {
      expect(result).toMatchObject({ status: 1, error_code: null, error_msg: null })
      expect(result.response_text).toMatch(/simulated/i)
      expect(result.cost_time).toBeGreaterThan(0)
    }

    const one = task.parse(await get<Task>(stack.gatewayUrl, `/v1/tasks/${answer.task_ids[1]}`))
    expect(one).toMatchObject({ ...ended.results[1], batch_id: answer.batch_id })

    const path = `/v1/conversations/${answer.conversation_id}/history`
    const past = history.parse(await get<History>(stack.gatewayUrl, path))
    expect(past).toEqual({
      conversation_id: answer.conversation_id,
      title: 'Why is the sky blue?',
      batches: [ended],
      next_cursor: null,
    })
    const list = conversations.parse(
      await get<Conversations>(stack.gatewayUrl, '/v1/conversations'),
    )
    expect(list.conversations[0]).toMatchObject({ conversation_id: answer.conversation_id })
  })

  test('a submit costs exactly one statement and one pipeline', async () => {
    stack.sql.take()
    stack.rest.take()
    const { task_ids } = await submit(stack.gatewayUrl, { prompt: 'Count me', model: THREE })
    expect(stack.sql.take()).toHaveLength(1)
    const pipelines = stack.rest.take() as string[][][]
    expect(pipelines).toHaveLength(1)
    expect(pipelines[0]!.map((command) => command.slice(0, 3))).toEqual([
      ['XADD', 'gemini_stream', '*'],
      ['XADD', 'deepseek_stream', '*'],
      ['XADD', 'qwen_stream', '*'],
    ])
    const fields = pipelines[0]!.map((command) => command.slice(3))
    expect(fields.map((flat) => flat.filter((_, i) => i % 2 === 0))).toEqual(
      Array(3).fill(['task_id', 'fence', 'traceparent']),
    )
    expect(fields.map((flat) => [flat[1], Number(flat[3])])).toEqual(task_ids.map((id) => [id, 0]))
    expect(JSON.stringify(pipelines)).not.toContain('Count me')
  })

  test('reading a batch costs one statement and nothing of Redis', async () => {
    const { batch_id } = await submit(stack.gatewayUrl, { prompt: 'Read me' })
    stack.sql.take()
    stack.rest.take()
    await get(stack.gatewayUrl, `/v1/batches/${batch_id}`)
    expect(stack.sql.take()).toHaveLength(1)
    expect(stack.rest.take()).toHaveLength(0)
    await batchUntil(stack.gatewayUrl, batch_id)
  })

  test('health and models say what is up and who listens', async () => {
    const state = health.parse(await get<Health>(stack.gatewayUrl, '/health'))
    expect(state).toEqual({
      status: 'ok',
      dependencies: { postgres: { state: 'up' }, redis: { state: 'up' } },
      workers: { heard_of: 1, families: { gemini: 1, deepseek: 1, qwen: 1 } },
    })
    const listed = models.parse(await get<Models>(stack.gatewayUrl, '/v1/models'))
    expect(listed.data.map(({ id }) => id)).toEqual(
      expect.arrayContaining(['gemini-2.5-flash', 'deepseek-r1:1.5b', 'qwen3:1.7b']),
    )
    expect(listed.data.every(({ available }) => available)).toBe(true)
  })

  // On Cloudflare the runtime serves them; the test of `npm start` looks there.
  if (runtime !== 'workerd') {
    test('the page and the docs come with a strict policy', async () => {
      for (const path of ['/', '/docs']) {
        const response = await fetch(stack.gatewayUrl + path)
        expect(response.headers.get('content-type')).toMatch(/text\/html/)
        expect(response.headers.get('content-security-policy')).toMatch(/^default-src 'none'/)
      }
      // A missing file is the API's 404, not a page.
      expect((await fetch(`${stack.gatewayUrl}/nothing.js`)).status).toBe(404)
    })
  }

  test('each family has a stream and a group of its own, which hold nothing afterwards', async () => {
    const { batch_id } = await submit(stack.gatewayUrl, { prompt: 'Groups', model: THREE })
    await batchUntil(stack.gatewayUrl, batch_id)
    const redis = new Redis(stack.redisUrl, { protocol: 2 })
    try {
      for (const family of ['gemini', 'deepseek', 'qwen']) {
        const groups = (await redis.xinfo('GROUPS', `${family}_stream`)) as unknown[][]
        expect(groups.map((group) => group[1])).toEqual([`${family}_group`])
        expect(await redis.xlen(`${family}_stream`)).toBe(0)
        expect(await redis.xpending(`${family}_stream`, `${family}_group`)).toEqual([
          0,
          null,
          null,
          null,
        ])
      }
    } finally {
      redis.disconnect()
    }
  })
})
