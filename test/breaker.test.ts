import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { batchUntil, submit, until } from './setup/client.ts'
import { type ModelServer, startModelServer } from './setup/model-server.ts'
import { type Stack, startStack } from './stack.ts'

const BROKEN = { status: 503, body: {} }
const COOL_DOWN_MS = 1500

let models: ModelServer
let stack: Stack

beforeAll(async () => {
  models = await startModelServer()
  const workerSettings = {
    BREAKER_FAILURES: '3',
    BREAKER_COOL_DOWN_MS: String(COOL_DOWN_MS),
    MAX_ATTEMPTS: '4',
    RETRY_BASE_MS: '20',
  }
  stack = await startStack({ models, workers: 2, workerSettings })
})
beforeEach(() => {
  models.requests.length = 0
})
afterAll(async () => {
  await stack?.stop()
  await models?.close()
})

const ask = (model: string) => submit(stack.gatewayUrl, { prompt: 'a', model })

async function nodeOf(family: string) {
  const [row] = await stack.database.query<{ status: string; error_count: number; url: string }>(
    'SELECT status, error_count, url FROM gemini_service_nodes WHERE family = $1',
    [family],
  )
  return row!
}

const waiting = async () =>
  (await stack.database.query('SELECT FROM tasks WHERE waiting_since IS NOT NULL')).length

test('faults in a row open the circuit for all workers; one call tries it, and its success frees the rest', async () => {
  models.answer(() => BROKEN)
  const first = await ask('qwen3')
  await until(async () => (await nodeOf('qwen')).status === 'OFFLINE')
  expect(models.requests).toHaveLength(3)

  const { promise: held, resolve: open } = Promise.withResolvers<void>()
  models.answer(() => [{ until: held }, { text: 'Back.' }])
  const others = await Promise.all(Array.from({ length: 8 }, () => ask('qwen3')))
  await until(() => models.requests.length > 3)
  await until(async () => (await waiting()) > 0)
  await sleep(500)
  expect(models.requests).toHaveLength(4)

  open()
  for (const { batch_id } of [first, ...others]) {
    expect(await batchUntil(stack.gatewayUrl, batch_id)).toMatchObject({ status: 'COMPLETED' })
  }
  expect(models.requests).toHaveLength(3 + 9)
  expect(await nodeOf('qwen')).toMatchObject({ status: 'HEALTHY', error_count: 0 })
})

test('the try that fails keeps the circuit open for longer, and other families are not held back', async () => {
  models.answer(({ model }) => (model === 'qwen3' ? BROKEN : [{ text: 'Here.' }]))
  const { batch_id } = await ask('qwen3')
  await until(async () => (await nodeOf('qwen')).status === 'OFFLINE')
  const other = await ask('gemini-2.5-flash')
  expect((await batchUntil(stack.gatewayUrl, other.batch_id)).status).toBe('COMPLETED')
  // Its fourth try is the one that tries the node.
  const { results } = await batchUntil(stack.gatewayUrl, batch_id)
  expect(results[0]).toMatchObject({ status: 2, error_code: 'model_unavailable' })
  expect(await nodeOf('qwen')).toMatchObject({ status: 'OFFLINE', error_count: 4 })
  const [row] = await stack.database.query(
    `SELECT extract(epoch FROM retry_at - now()) * 1000 > $1 AS longer FROM gemini_service_nodes
     WHERE family = 'qwen'`,
    [COOL_DOWN_MS],
  )
  expect(row).toEqual({ longer: true })
})

test('a service that asks for a rest is left alone for so long, by every task of the family', async () => {
  let asked = 0
  models.answer(({ model }) =>
    model.startsWith('deepseek') && asked++ === 0
      ? { status: 429, body: {}, headers: { 'retry-after': '2' } }
      : [{ text: 'Rested.' }],
  )
  const first = await ask('deepseek-r1:1.5b')
  await until(async () => (await nodeOf('deepseek')).status === '429_LIMIT')
  const second = await ask('deepseek-r1:1.5b')
  await sleep(1000)
  expect(models.requests).toHaveLength(1)
  for (const { batch_id } of [first, second]) {
    expect((await batchUntil(stack.gatewayUrl, batch_id)).status).toBe('COMPLETED')
  }
  expect((await nodeOf('deepseek')).status).toBe('HEALTHY')
})

test('a task that has waited for a node for too long fails as such', async () => {
  models.answer(() => BROKEN)
  await stack.database.query(
    `UPDATE gemini_service_nodes SET status = 'OFFLINE', error_count = 3,
       retry_at = now() + interval '1 h' WHERE family = 'qwen'`,
  )
  const { batch_id } = await ask('qwen3')
  await until(async () => (await waiting()) === 1)
  await stack.database.query(
    `UPDATE tasks SET run_after = now(), waiting_since = now() - interval '11 min'
     WHERE waiting_since IS NOT NULL`,
  )
  const { results } = await batchUntil(stack.gatewayUrl, batch_id)
  expect(results[0]).toMatchObject({ status: 2, error_code: 'no_node_available' })
  expect(models.requests).toHaveLength(0)
})

test('no key of a service stands in the row of its node', async () => {
  const { url } = await nodeOf('gemini')
  expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/#[0-9a-f]{12}$/)
})
