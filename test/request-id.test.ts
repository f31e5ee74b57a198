import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import type { SubmitAnswer } from '../drizzle/contract/http-api.ts'
import { batchUntil, errorOf, post } from './setup/client.ts'
import { startModelServer } from './setup/model-server.ts'
import { TRACEPARENT } from './setup/new-batch.ts'
import { startGateway } from './setup/start-gateway.ts'
import { type Stack, startStack } from './stack.ts'

const NOWHERE = '01990b6e-7a4c-7000-8a5e-3f1c2b4d5e6f'

describe.each(['node', 'workerd'] as const)('on %s', (runtime) => {
  let stack: Stack
  beforeAll(async () => {
    stack = await startStack({ runtime, workers: 0 })
  })
  afterAll(() => stack?.stop())

  const answer = (id: string | undefined, path: string, method = 'GET') =>
    fetch(stack.gatewayUrl + path, {
      method,
      redirect: 'manual',
      headers: id === undefined ? {} : { 'X-Request-Id': id },
    })

  test('every answer has the id of its request, whatever comes of it', async () => {
    const asked: [path: string, method: string, status: number][] = [
      ['/v1/models', 'GET', 200],
      ['/v1/models', 'HEAD', 200],
      ['/openapi.json', 'GET', 200],
      ['/health', 'GET', 200],
      [`/v1/batches/${NOWHERE}`, 'GET', 404],
      ['/v1/nothing', 'GET', 404],
      ['/v1/models', 'DELETE', 404],
      [`/v1/files/${NOWHERE}`, 'GET', 403],
      ['/v1/files', 'POST', 415],
      ['/v1/chat/completions', 'POST', 415],
      ['/v1/conversations?limit=0', 'GET', 400],
      ...(runtime === 'node' ? ([['/docs', 'GET', 307]] as [string, string, number][]) : []),
    ]
    for (const [path, method, status] of asked) {
      const response = await answer('my-request_7=', path, method)
      expect([path, response.status]).toEqual([path, status])
      expect(response.headers.get('x-request-id'), path).toBe('my-request_7=')
      if (status >= 400) {
        expect(await errorOf(response)).toMatchObject({ request_id: 'my-request_7=' })
      }
    }
    stack.sql.down = true
    const away = await answer('while-away', `/v1/batches/${NOWHERE}`)
    stack.sql.down = false
    expect([away.status, away.headers.get('x-request-id')]).toEqual([503, 'while-away'])
  })

  test.each([
    ['with a space', 'a b'],
    ['with a quote', 'a"b'],
    ['that is no ASCII', 'ä'],
    ['of 256 characters', 'x'.repeat(256)],
    ['that is empty', ''],
  ])('an id %s is replaced by another', async (_, id) => {
    const response = await answer(id, '/v1/models')
    expect(response.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
  })

  test('without an id each request gets its own', async () => {
    const ids = [await answer(undefined, '/health'), await answer(undefined, '/health')].map(
      ({ headers }) => headers.get('x-request-id'),
    )
    expect(new Set(ids).size).toBe(2)
  })
})

test('one id is in the answer, in the log of the gateway and of the worker, and the trace in the message', async () => {
  const models = await startModelServer()
  models.answer(() => ({ status: 500, body: {} }))
  const stack = await startStack({ workers: 0, models })
  const redis = new Redis(stack.redisUrl, { protocol: 2 })
  onTestFinished(async () => {
    redis.disconnect()
    await stack.stop()
    await models.close()
  })
  const { url, program } = await startGateway('node', stack.gatewaySettings)
  const gateway = program!
  const headers = { 'X-Request-Id': 'one-id', traceparent: TRACEPARENT }
  const accepted = await post(url, { prompt: 'a', model: 'qwen3' }, headers)
  expect(accepted.headers.get('x-request-id')).toBe('one-id')
  const { batch_id, task_ids } = (await accepted.json()) as SubmitAnswer
  const [, fields] = (await redis.xrange('qwen_stream', '-', '+'))[0]!
  expect(fields).toEqual(['task_id', task_ids[0], 'fence', '0', 'traceparent', TRACEPARENT])

  const worker = await stack.startWorker({ MAX_ATTEMPTS: '2', RETRY_BASE_MS: '1' })
  await batchUntil(stack.gatewayUrl, batch_id)
  await worker.printed(/"msg":"task failed"/)
  const lines = worker
    .output()
    .split('\n')
    .filter((line) => line.includes(task_ids[0]!))
  expect(lines.map((line) => JSON.parse(line).msg)).toEqual([
    'node in trouble',
    'task is tried again',
    'node in trouble',
    'task failed',
  ])
  for (const line of lines) expect(JSON.parse(line)).toMatchObject({ request_id: 'one-id' })

  const retry = `${url}/v1/tasks/${task_ids[0]}/retry`
  const again = { 'X-Request-Id': 'two-id', traceparent: TRACEPARENT.replace('b7ad', 'c8be') }
  expect((await fetch(retry, { method: 'POST', headers: again })).status).toBe(202)
  await gateway.printed(/"msg":"task retried".*"asked_by":"one-id".*"request_id":"two-id"/)
  await worker.printed(/"msg":"task failed".*"two-id"|"two-id".*"msg":"task failed"/)

  stack.rest.down = true
  await post(url, { prompt: 'a', model: 'qwen3' }, headers)
  stack.rest.down = false
  await gateway.printed(/"msg":"not rung".*"request_id":"one-id"/)
  await gateway.stop()
})
