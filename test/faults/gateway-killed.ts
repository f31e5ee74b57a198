import { setTimeout as pause } from 'node:timers/promises'
import type { SubmitAnswer } from '../../drizzle/contract/http-api.ts'
import { batchUntil, post, submit, until } from '../setup/client.ts'
import { startGateway } from '../setup/start-gateway.ts'
import { answerCalls, gate, LEASE_MS, MODEL, startFaultWorker } from './fault-worker.ts'
import {
  demand,
  demandAllEndedOnce,
  type FaultStack,
  type Figure,
  onStack,
  type Scenario,
  untilAllEnded,
  WAIT_MS,
} from './scenario.ts'

/** When a task that was not rung counts as lost, in ms. */
const LOST_MS = 10_000
const KEY = 'submit-that-is-cut-off'
const FIELDS = { prompt: 'a', model: `${MODEL},qwen3` }

/** A gateway that never gets its XADDs out is killed once it has committed. */
async function killBeforeRinging(stack: FaultStack): Promise<SubmitAnswer> {
  const rest = await stack.proxyTo(stack.gatewaySettings.UPSTASH_REDIS_REST_URL!)
  const { url, program } = await startGateway('node', {
    ...stack.gatewaySettings,
    UPSTASH_REDIS_REST_URL: rest.url,
  })
  const gateway = program!
  try {
    rest.hush()
    const answer = post(url, FIELDS, { 'idempotency-key': KEY }).then(
      ({ status }) => status,
      () => 'cut off',
    )
    const stored = () =>
      stack.database.query<SubmitAnswer>(
        `SELECT batch_id, conversation_id, task_ids FROM idempotency_keys WHERE key = $1`,
        [`key:${KEY}`],
      )
    await until(async () => (await stored()).length === 1, WAIT_MS)
    await gateway.stop('SIGKILL')
    demand((await answer) === 'cut off', 'the gateway answered before it was killed')
    const rung = stack.rest.take().flat(2).includes('XADD')
    demand(!rung, 'the gateway rang before it was killed')
    return (await stored())[0]!
  } finally {
    await gateway.stop('SIGKILL')
  }
}

/** The submit again, by another gateway: it finds the batch of the one that was killed. */
async function demandOneBatch(stack: FaultStack, { batch_id }: SubmitAnswer): Promise<void> {
  const again = await post(stack.gatewayUrl, FIELDS, { 'idempotency-key': KEY })
  const answer = (await again.json()) as SubmitAnswer
  demand(
    again.ok && answer.batch_id === batch_id,
    `the same key gave ${again.status} ${JSON.stringify(answer)}`,
  )
}

/** Workers that have calls of their own look for lost tasks by themselves. */
async function byReconcile(): Promise<Figure[]> {
  return onStack({}, async (stack) => {
    const other = gate()
    const calls = answerCalls(stack, ({ prompt }) =>
      prompt === 'another' ? other.steps : [{ text: 'answer' }],
    )
    await startFaultWorker(stack, 'worker')
    const accepted = [await submit(stack.gatewayUrl, { prompt: 'another', model: MODEL })]
    await until(() => calls.length === 1, WAIT_MS)
    stack.rest.take()
    const cutOff = await killBeforeRinging(stack)
    const killedAt = performance.now()
    await untilAllEnded(stack, [cutOff])
    const value = performance.now() - killedAt
    other.open()
    await demandAllEndedOnce(stack, [...accepted, cutOff], { extraCalls: 0 })
    await demandOneBatch(stack, cutOff)
    return [{ name: 'ended after', value, unit: 'ms', limit: LOST_MS + LEASE_MS }]
  })
}

/** Where all workers are idle, a poll of the batch makes them look. */
async function byPoll(): Promise<Figure[]> {
  return onStack({}, async (stack) => {
    answerCalls(stack, () => [{ text: 'answer' }])
    await startFaultWorker(stack, 'worker')
    await pause(LEASE_MS * 2.5)
    stack.rest.take()
    const cutOff = await killBeforeRinging(stack)
    const killedAt = performance.now()
    await batchUntil(stack.gatewayUrl, cutOff.batch_id, undefined, WAIT_MS)
    const value = performance.now() - killedAt
    await demandAllEndedOnce(stack, [cutOff], { extraCalls: 0 })
    await demandOneBatch(stack, cutOff)
    return [{ name: 'ended after', value, unit: 'ms', limit: LOST_MS + LEASE_MS }]
  })
}

export const scenarios: Scenario[] = [
  {
    fault: 'gateway killed between commit and XADD, workers busy',
    holds: 'the batch runs once, by a sweep; the same Idempotency-Key finds it',
    times: { short: 1, long: 10 },
    waits: true,
    run: byReconcile,
  },
  {
    fault: 'gateway killed between commit and XADD, workers idle',
    holds: 'the batch runs once, by a poll of it; the same Idempotency-Key finds it',
    times: { short: 1, long: 10 },
    waits: true,
    run: byPoll,
  },
]
