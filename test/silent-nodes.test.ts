import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, type TestContext, test } from 'vitest'
import { ask, batchUntil, submit, until } from './setup/client.ts'
import { type Answer, type ModelServer, startModelServer } from './setup/model-server.ts'
import { startTcpProxy } from './setup/tcp-proxy.ts'
import { type Stack, startStack } from './stack.ts'

const WAIT_MS = 60_000

/** A model server that is taken down with its test. */
async function startNode({ onTestFinished }: TestContext): Promise<ModelServer> {
  const server = await startModelServer()
  onTestFinished(() => server.close())
  return server
}

/** A stack whose one worker serves Qwen, at these addresses. */
async function startQwen(
  models: ModelServer,
  addresses: string[],
  { onTestFinished }: TestContext,
): Promise<Stack> {
  const LLM_SERVICE_URL = addresses.join(',')
  const workerSettings = { LLM_SERVICE_URL, WORKER_STREAMS: 'qwen', RETRY_BASE_MS: '20' }
  const stack = await startStack({ models, workerSettings })
  onTestFinished(() => stack.stop())
  return stack
}

// They mostly wait: a node is taken for silent after half a minute.
describe.concurrent('while half a minute passes', () => {
  test('a lone node that rests for longer than its silence is used again when the rest is over', async (context) => {
    const only = await startNode(context)
    let refused = 0
    only.answer(() =>
      refused++ < 1
        ? { status: 429, body: {}, headers: { 'retry-after': '35' } }
        : [{ text: 'Rested.' }],
    )
    const stack = await startQwen(only, [only.url], context)
    const accepted = []
    for (let i = 0; i < 3; i++) {
      accepted.push(await submit(stack.gatewayUrl, { prompt: `${i}`, model: 'qwen3' }))
      await sleep(300)
    }
    for (const { batch_id } of accepted) {
      const batch = await batchUntil(stack.gatewayUrl, batch_id, undefined, WAIT_MS)
      expect(batch.status).toBe('COMPLETED')
    }
  }, 120_000)

  test('a node that does not answer when it is asked is left out, and used again when it does', async (context) => {
    const [gone, other] = [await startNode(context), await startNode(context)]
    const way = await startTcpProxy(gone.url)
    context.onTestFinished(() => way.close())
    const stack = await startQwen(gone, [way.url, other.url], context)
    const heard = async () => {
      const [row] = await stack.database.query(
        "SELECT last_heartbeat_at > now() - interval '30 s' AS heard FROM gemini_service_nodes WHERE url LIKE $1",
        [`${way.url}%`],
      )
      return row!.heard === true
    }
    expect(await heard()).toBe(true)
    // They are asked while there are tasks, and silence shows after half a minute.
    const { promise: held, resolve: open } = Promise.withResolvers<void>()
    const slow: Answer = [{ until: held }, { text: 'Slow.' }]
    for (const server of [gone, other]) {
      server.answer(({ messages }) => (messages[0]!.text === 'slow' ? slow : [{ text: 'Quick.' }]))
    }
    const busy = await submit(stack.gatewayUrl, { prompt: 'slow', model: 'qwen3' })
    await until(() => gone.requests.length + other.requests.length === 1)
    way.cut()
    await until(async () => !(await heard()), 45_000)
    const before = gone.requests.length
    const quick = (prompt: string) => ask(stack.gatewayUrl, { prompt, model: 'qwen3' })
    for (let i = 0; i < 4; i++) expect((await quick(`${i}`)).status).toBe('COMPLETED')
    expect(gone.requests).toHaveLength(before)
    way.open()
    await until(heard, 30_000)
    for (let i = 0; i < 4; i++) await quick(`back ${i}`)
    expect(gone.requests.length).toBeGreaterThan(before)
    open()
    await batchUntil(stack.gatewayUrl, busy.batch_id)
  }, 120_000)
})
