import { setTimeout as pause } from 'node:timers/promises'
import type { SubmitAnswer } from '../../drizzle/contract/http-api.ts'
import { submit, until } from '../setup/client.ts'
import { answerCalls, type Call, gate } from './fault-worker.ts'
import { demandAnsweredOnce, demandStreamsEmpty } from './outcomes.ts'
import {
  demand,
  demandAllEndedOnce,
  type FaultStack,
  type Figure,
  onStack,
  type Scenario,
  submitMany,
  WAIT_MS,
} from './scenario.ts'

const SLOW_MODEL = 'deepseek-r1:1.5b'
const FAST_MODELS = ['gemini-2.5-flash', 'qwen3']
const SLOTS = 4
/** How many tasks of the slow family wait behind those that have its slots. */
const WAITING = 40
const EACH_MS = 50

export const scenarios: Scenario[] = [
  {
    fault: 'all slots of DeepSeek are taken for minutes, and more of its tasks wait',
    holds: 'tasks of Gemini and Qwen are picked up as before',
    run: ({ long }) =>
      onStack({}, (stack) => takeAllSlots(stack, { slowMs: long ? 120_000 : 5000 })),
  },
]

async function takeAllSlots(stack: FaultStack, { slowMs }: { slowMs: number }): Promise<Figure[]> {
  const slow = gate()
  const calls = answerCalls(stack, ({ prompt }) =>
    prompt.startsWith('slow') ? slow.steps : [{ text: 'at once' }],
  )
  const slowCalls = () => calls.filter(({ prompt }) => prompt.startsWith('slow')).length
  const worker = await stack.startWorker({
    WORKER_CONCURRENCY: String(SLOTS),
    // The slow ones say nothing for minutes, and go on.
    IDLE_TIMEOUT_MS: '250000',
  })
  await pickUps(stack, calls, 'to warm up', 500)

  const alone = await pickUps(stack, calls, 'alone', 5000)
  const slowOnes = await submitMany(stack, SLOTS + WAITING, (i) => ({
    prompt: `slow ${i}`,
    model: SLOW_MODEL,
  }))
  await until(() => slowCalls() === SLOTS, WAIT_MS)
  const beside = await pickUps(stack, calls, 'beside', slowMs)
  demand(slowCalls() === SLOTS, `${slowCalls()} calls of a family with ${SLOTS} slots`)

  slow.open()
  const accepted = [...slowOnes, ...alone.accepted, ...beside.accepted]
  demandAnsweredOnce(await demandAllEndedOnce(stack, accepted))
  await demandStreamsEmpty(stack.redisUrl)
  demand(!worker.output().includes('"level":50'), 'the worker has logged an error')
  return [
    { name: 'picked up, median, alone', value: median(alone.waitsMs), unit: 'ms' },
    { name: 'picked up, median, beside the slow', value: median(beside.waitsMs), unit: 'ms' },
    {
      name: 'median beside the slow to alone',
      value: median(beside.waitsMs) / median(alone.waitsMs),
      unit: '×',
      limit: 1.5,
    },
  ]
}

/** Submits to the fast families one by one for so long; gives the times from submit to call. */
async function pickUps(
  stack: FaultStack,
  calls: Call[],
  name: string,
  ms: number,
): Promise<{ accepted: SubmitAnswer[]; waitsMs: number[] }> {
  const accepted: SubmitAnswer[] = []
  const waitsMs: number[] = []
  const endsAt = performance.now() + ms
  for (let i = 0; performance.now() < endsAt; i++) {
    const prompt = `${name} ${i}`
    const sentAt = performance.now()
    accepted.push(
      await submit(stack.gatewayUrl, { prompt, model: FAST_MODELS[i % FAST_MODELS.length]! }),
    )
    const call = () => calls.findLast((one) => one.prompt === prompt)
    await until(() => call() !== undefined, WAIT_MS)
    waitsMs.push(call()!.at - sentAt)
    await pause(EACH_MS)
  }
  return { accepted, waitsMs }
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!
}
