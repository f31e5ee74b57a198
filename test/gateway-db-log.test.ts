import { v7 as uuidv7 } from 'uuid'
import { expect, onTestFinished, test } from 'vitest'
import { errorOf, post, until } from './setup/client.ts'
import { openSession } from './setup/session.ts'
import { RUNTIMES, type Runtime } from './setup/start-gateway.ts'
import { type Stack, startStack } from './stack.ts'

const CANARY = 'canary-7c20be31'

type Row = { source: string; level: string; code: string; message: string; stack: string }

/** A gateway whose statements on batches fail, as there is no such table: an error nobody foresees. */
async function brokenStack(runtime: Runtime, gatewaySettings: Record<string, string>) {
  const stack = await startStack({ runtime, workers: 0, gatewaySettings })
  onTestFinished(() => stack.stop())
  await stack.database.query('ALTER TABLE batches RENAME TO batches_gone')
  return stack
}

const logged = ({ database }: Stack) => database.query<Row>('SELECT * FROM sys_logs ORDER BY id')

function fail({ gatewayUrl }: Stack, headers: HeadersInit = {}): Promise<Response> {
  return fetch(`${gatewayUrl}/v1/batches/${uuidv7()}`, { headers })
}

test.each(
  RUNTIMES,
)('an error that nobody foresaw is a row of sys_logs, where that is asked for (%s)', async (runtime) => {
  const stack = await brokenStack(runtime, { ENABLE_DB_LOG: 'true', INSTANCE_ID: 'gateway-7' })
  const fields = { prompt: `A prompt ${CANARY}`, model: 'qwen3' }
  const response = await post(stack.gatewayUrl, fields, { 'X-Request-Id': 'my-request-7' })
  expect(response.status).toBe(500)
  expect((await errorOf(response)).message).toContain('my-request-7')
  await until(async () => (await logged(stack)).length > 0)
  const rows = await logged(stack)
  expect(rows).toMatchObject([
    {
      source: 'gateway-7',
      level: 'error',
      code: '42P01',
      message: 'request my-request-7 failed',
      stack: expect.stringMatching(/^ {4}at /),
    },
  ])
  expect(JSON.stringify(rows)).not.toContain(CANARY)
}, 60_000)

test('without ENABLE_DB_LOG no error is written, and no refusal with it', async () => {
  const silent = await brokenStack('node', {})
  expect((await fail(silent)).status).toBe(500)
  const stack = await brokenStack('node', { ENABLE_DB_LOG: 'true' })
  expect((await fetch(`${stack.gatewayUrl}/v1/batches/x`)).status).toBe(404)
  expect((await post(stack.gatewayUrl, {})).status).toBe(400)
  stack.sql.down = true
  expect((await fail(stack)).status).toBe(503)
  stack.sql.down = false
  expect((await fail(stack)).status).toBe(500)
  await until(async () => (await logged(stack)).length > 0)
  expect(await logged(stack)).toHaveLength(1)
  expect(await logged(silent)).toEqual([])
}, 60_000)

test('the answer does not wait for the row, and in a storm every error is written or counted', async () => {
  const stack = await brokenStack('node', { ENABLE_DB_LOG: 'true' })
  await fail(stack)
  await until(async () => (await logged(stack)).length === 1)
  const session = await openSession(stack.database)
  await session.query('BEGIN')
  await session.query('SELECT FROM log_budget FOR UPDATE')
  const storm = await Promise.all(Array.from({ length: 50 }, () => fail(stack)))
  expect(storm.map(({ status }) => status)).toEqual(Array(50).fill(500))
  expect(await logged(stack)).toHaveLength(1)
  await session.query('COMMIT')
  await until(async () => (await logged(stack)).length === 2)
  // Once the gateway has heard that the row is written, the next error says what was left out.
  await until(async () => {
    await fail(stack)
    return (await logged(stack)).some(({ code }) => code === 'left_out')
  })
  const rows = await logged(stack)
  const [summary] = rows.filter(({ code }) => code === 'left_out')
  expect(Number(summary!.message.split(' ')[0])).toBeGreaterThanOrEqual(49)
}, 60_000)
