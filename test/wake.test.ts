import { Redis } from 'ioredis'
import { expect, onTestFinished, test } from 'vitest'
import type { Batch, SubmitAnswer } from '../drizzle/contract/http-api.ts'
import { WAKE_CHANNEL } from '../drizzle/contract/stream-message.ts'
import { get, submit, until } from './setup/client.ts'
import { RUNTIMES, type Runtime } from './setup/start-gateway.ts'
import { type Stack, startStack } from './stack.ts'

const PUBLISH = [['publish', WAKE_CHANNEL, '']]

/** A stack without a worker, and a batch on it whose task was rung long ago. */
async function overdueBatch(runtime: Runtime): Promise<{ stack: Stack; submitted: SubmitAnswer }> {
  const stack = await startStack({ runtime, workers: 0 })
  onTestFinished(() => stack.stop())
  const submitted = await submit(stack.gatewayUrl, { prompt: 'a', model: 'qwen3' })
  const { batch_id } = submitted
  await get<Batch>(stack.gatewayUrl, `/v1/batches/${batch_id}`)
  stack.rest.take()
  await stack.database.query("UPDATE tasks SET rung_at = now() - interval '11 s'")
  return { stack, submitted }
}

test.each(RUNTIMES)('a poll that finds an overdue task wakes the workers (%s)', async (runtime) => {
  const { stack, submitted } = await overdueBatch(runtime)
  const listener = new Redis(stack.redisUrl, { protocol: 2 })
  onTestFinished(() => listener.disconnect())
  const heard: string[] = []
  listener.on('message', (channel: string) => heard.push(channel))
  await listener.subscribe(WAKE_CHANNEL)
  await get(stack.gatewayUrl, `/v1/batches/${submitted.batch_id}`)
  await until(() => heard.includes(WAKE_CHANNEL))
  expect(stack.rest.take()).toEqual([PUBLISH])
}, 60_000)

test('so does one of the task; the history does not, nor one before anything is overdue', async () => {
  const { stack, submitted } = await overdueBatch('node')
  const { conversation_id, task_ids } = submitted
  await get(stack.gatewayUrl, `/v1/conversations/${conversation_id}/history`)
  await stack.database.query('UPDATE tasks SET rung_at = now()')
  await get(stack.gatewayUrl, `/v1/tasks/${task_ids[0]}`)
  await get(stack.gatewayUrl, `/v1/batches/${submitted.batch_id}`)
  await stack.database.query('UPDATE tasks SET rung_at = NULL')
  await get(stack.gatewayUrl, `/v1/tasks/${task_ids[0]}`)
  const sent: unknown[] = []
  await until(() => sent.push(...stack.rest.take()) > 0)
  expect(sent).toEqual([PUBLISH])
}, 60_000)

test('many polls wake the workers once in a while', async () => {
  const { stack, submitted } = await overdueBatch('node')
  const sent: unknown[] = []
  const poll = () => get(stack.gatewayUrl, `/v1/batches/${submitted.batch_id}`)
  await Promise.all(Array.from({ length: 30 }, poll))
  await until(() => sent.push(...stack.rest.take()) > 0)
  expect(sent.length).toBeLessThan(10)
  // And later again, as long as it is overdue.
  await until(async () => {
    await poll()
    return stack.rest.take().length > 0
  })
}, 60_000)

test('a poll is answered while Redis is away', async () => {
  const { stack, submitted } = await overdueBatch('node')
  stack.rest.down = true
  const path = `/v1/batches/${submitted.batch_id}`
  expect(await get(stack.gatewayUrl, path)).toMatchObject({ status: 'PROCESSING' })
}, 60_000)
