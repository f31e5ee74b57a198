import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { errorOf, submit, until } from './setup/client.ts'
import { startGateway } from './setup/start-gateway.ts'
import { type Stack, startStack } from './stack.ts'

/** For so many things one owner may wait at once. */
const MOST_THINGS = 20

let stack: Stack
// Without a worker nothing changes, and so every wait goes on.
beforeAll(async () => {
  stack = await startStack({ workers: 0 })
}, 60_000)
afterAll(() => stack?.stop())

/** The paths of a new batch and of its task. */
async function submitted(): Promise<string[]> {
  const { batch_id, task_ids } = await submit(stack.gatewayUrl, { prompt: 'a' })
  return [`/v1/batches/${batch_id}`, `/v1/tasks/${task_ids[0]}`]
}

test('who waits for many things is answered at once about any more', async () => {
  const url = stack.gatewayUrl
  const paths: string[] = []
  while (paths.length < MOST_THINGS) paths.push(...(await submitted()))
  const [oneMore] = await submitted()
  const read = (path: string, seconds: number, signal?: AbortSignal) =>
    fetch(url + path, { headers: { prefer: `wait=${seconds}` }, signal: signal ?? null })
  const hangUp = new AbortController()
  stack.sql.take()
  const waits = paths.map((path) => read(path, 30, hangUp.signal))
  const ends = Promise.allSettled(waits)
  let looks = 0
  await until(() => {
    looks += stack.sql.take().length
    return looks >= MOST_THINGS
  })
  const answer = await read(oneMore!, 30)
  expect([answer.status, answer.headers.get('preference-applied')]).toEqual([200, null])
  // What is waited for already costs no look more.
  const shared = await read(paths[0]!, 1)
  expect([shared.status, shared.headers.get('preference-applied')]).toEqual([200, 'wait=1'])
  hangUp.abort()
  expect((await ends).map(({ status }) => status)).toEqual(Array(MOST_THINGS).fill('rejected'))
})

test('who has asked too often is told so, and nobody else who waits for the same', async () => {
  const gateway = await startGateway('node', {
    ...stack.gatewaySettings,
    REQUESTS_PER_MINUTE_PER_ADDRESS: '1',
    TRUST_PROXY: 'true',
  })
  onTestFinished(() => gateway.stop())
  const [path] = await submitted()
  const ask = (address: string, headers: Record<string, string> = {}) =>
    fetch(gateway.url + path, { headers: { ...headers, 'x-forwarded-for': address } })
  // The script is known to Redis from the first call on, and this address has no more left.
  expect((await ask('203.0.113.1')).status).toBe(200)
  const { promise, resolve: letGo } = Promise.withResolvers<void>()
  stack.rest.take()
  stack.rest.gate = promise
  const [first, second] = [
    ask('203.0.113.1', { prefer: 'wait=1' }),
    ask('203.0.113.2', { prefer: 'wait=1' }),
  ]
  let counted = 0
  await until(() => {
    counted += stack.rest.take().length
    return counted === 2
  })
  letGo()
  expect((await first).status).toBe(429)
  const [waited, over] = await Promise.all([second, ask('203.0.113.1', { prefer: 'wait=30' })])
  expect([waited.status, waited.headers.get('preference-applied')]).toEqual([200, 'wait=1'])
  // Beside others that wait, too.
  expect([over.status, (await errorOf(over)).code]).toEqual([429, 'rate_limited'])
})

test('where requests can share no looks, each takes fewer of them after a while', async () => {
  const { FILES_DIR: _, ...settings } = stack.gatewaySettings
  const gateway = await startGateway('workerd', settings)
  onTestFinished(() => gateway.stop())
  const [path] = await submitted()
  stack.sql.take()
  const answer = await fetch(gateway.url + path, { headers: { prefer: 'wait=9' } })
  expect(answer.headers.get('preference-applied')).toBe('wait=9')
  const looks = stack.sql.take().length
  // At 0, 0.25, 0.75, 1.75, 2.75, 3.75, 5.75 and 7.75 s, or later.
  expect(looks).toBeGreaterThan(2)
  expect(looks).toBeLessThanOrEqual(8)
})
