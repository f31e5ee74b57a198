import { expect, onTestFinished, test } from 'vitest'
import { SessionLock } from '../workers-node/session-lock.ts'
import { until } from './setup/client.ts'
import { newKey } from './setup/session-locks.ts'
import { startTcpProxy } from './setup/tcp-proxy.ts'
import { useDatabase } from './setup/use-database.ts'

const database = useDatabase()

async function behindProxy() {
  const proxy = await startTcpProxy(database.url)
  const lock = new SessionLock(proxy.url, newKey())
  onTestFinished(async () => {
    lock.letGo()
    await proxy.close()
  })
  return { proxy, lock }
}

/** How long it takes until the lock is held or is not waited for any more, in ms. */
async function holding(lock: SessionLock): Promise<number> {
  const began = performance.now()
  await lock.hold()
  return performance.now() - began
}

test('whoever wants the lock waits until it is held', async () => {
  const { lock } = await behindProxy()
  await lock.hold()
  expect(lock.held).toBe(true)
})

test('nobody waits longer than for the first attempt while the lock cannot be had', async () => {
  const { proxy, lock } = await behindProxy()
  proxy.cut()
  expect(await holding(lock)).toBeLessThan(1_000)
  lock.letGo()
  expect(await holding(lock)).toBeLessThan(500)
  expect(lock.held).toBe(false)
})

test('a silent database is waited for once, and the lock is taken when it answers again', async () => {
  const { proxy, lock } = await behindProxy()
  proxy.hush()
  expect(await holding(lock)).toBeLessThan(3_000)
  // Longer than a connection may take.
  await new Promise((resolve) => setTimeout(resolve, 4_000))
  expect(await holding(lock)).toBeLessThan(500)
  lock.letGo()
  expect(await holding(lock)).toBeLessThan(500)
  proxy.open()
  await until(() => lock.held)
})
