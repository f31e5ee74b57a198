import { randomBytes } from 'node:crypto'
import { Redis } from 'ioredis'
import { v7 as uuidv7 } from 'uuid'
import type { SubmitAnswer } from '../../drizzle/contract/http-api.ts'
import { DEAD_LETTER_STREAM } from '../../drizzle/contract/stream-message.ts'
import type { DeadMessageCode } from '../../drizzle/statements/save-dead-messages.ts'
import { submit, until } from '../setup/client.ts'
import { TRACEPARENT } from '../setup/new-batch.ts'
import { gate } from './fault-worker.ts'
import { demandAnsweredOnce, demandStreamsEmpty } from './outcomes.ts'
import {
  demand,
  demandAllEndedOnce,
  type FaultStack,
  type Figure,
  onStack,
  type Scenario,
  submitMany,
  tasksOf,
  WAIT_MS,
} from './scenario.ts'

const STREAM = 'qwen_stream'
/** More than Upstash lets one consumer hold unacknowledged, in one row. */
const IN_A_ROW = 1_200

export const scenarios: Scenario[] = [
  {
    fault: 'every message is delivered three times',
    holds: 'each task runs once, and nothing stays in the streams',
    run: ({ long }) => onStack({}, (stack) => deliverThrice(stack, long ? 1000 : 100)),
  },
  {
    fault: 'messages with old, future and foreign fences, and of every unreadable kind',
    holds: 'no task changes, the bad ones are dead letters, and good ones among them run',
    run: () => onStack({}, mixInBadMessages),
  },
  {
    fault: `${IN_A_ROW} bad messages in a row among good ones`,
    holds: 'all of them are dead letters, and the good ones behind them run',
    run: () => onStack({}, queueBehindBadMessages),
  },
]

const UNREADABLE_CODE: DeadMessageCode = 'unreadable_message'

type Fields = (string | Buffer)[]

/** Uses a Redis client that ends with what uses it. */
async function withRedis<Result>(
  { redisUrl }: FaultStack,
  act: (redis: Redis) => Promise<Result>,
): Promise<Result> {
  const redis = new Redis(redisUrl, { protocol: 2 })
  try {
    return await act(redis)
  } finally {
    redis.disconnect()
  }
}

async function deliverThrice(stack: FaultStack, count: number): Promise<Figure[]> {
  const accepted = await submitMany(stack, count)
  await withRedis(stack, async (redis) => {
    const entries = await redis.xrange(STREAM, '-', '+')
    const again = [...entries, ...entries.toReversed()]
    await Promise.all(again.map(([, fields]) => redis.xadd(STREAM, '*', ...fields)))
    demand((await redis.xlen(STREAM)) === 3 * count, 'not every message is there three times')
  })
  await Promise.all([stack.startWorker(), stack.startWorker()])
  const tasks = await demandAllEndedOnce(stack, accepted, { extraCalls: 0 })
  demandAnsweredOnce(tasks)
  await demandStreamsEmpty(stack.redisUrl)
  const moved = (await tasksOf(stack, accepted)).find(({ fence }) => fence !== 1)
  demand(!moved, `a task was moved by a doubled message: ${JSON.stringify(moved)}`)
  return []
}

/** Fields that are no message. */
const UNREADABLE: Record<string, Fields> = {
  'malformed JSON': ['payload', '{"task_id": "01990b6e'],
  'a JSON string': ['payload', '"a string"'],
  'a JSON list': ['payload', '[1, [2], {}]'],
  'a JSON null': ['payload', 'null'],
  'a JSON message': ['payload', JSON.stringify({ task_id: uuidv7(), fence: 0 })],
  'empty fields': ['task_id', '', 'fence', ''],
  'an empty name': ['', ''],
  'no fence': ['task_id', uuidv7()],
  'no task': ['fence', '0'],
  'a task that is no id': ['task_id', "'; DROP TABLE tasks; --", 'fence', '0'],
  'a negative fence': ['task_id', uuidv7(), 'fence', '-1'],
  'a fence beyond an integer': ['task_id', uuidv7(), 'fence', '9999999999'],
  'a fence that is no number': ['task_id', uuidv7(), 'fence', 'NaN'],
  'a foreign traceparent': ['task_id', uuidv7(), 'fence', '0', 'traceparent', 'nonsense'],
  'NUL and bytes that are no UTF-8': ['task_id', Buffer.from([0, 255, 254, 237, 160, 128, 0])],
  'names of an object': ['__proto__', '{}', 'constructor', '{}', 'toString', ''],
  'ten thousand fields': Array.from({ length: 20_000 }, (_, i) => `field ${i}`),
  '1 MB of noise': ['noise', randomBytes(512 * 1024).toString('hex')],
  '1 MB of bytes': [randomBytes(512 * 1024), randomBytes(512 * 1024)],
}

const messageOf = (taskId: string, fence: number): Fields => [
  ...['task_id', taskId, 'fence', String(fence), 'traceparent', TRACEPARENT],
]

async function mixInBadMessages(stack: FaultStack): Promise<Figure[]> {
  const held = gate()
  stack.models.answer(({ messages }) =>
    messages[0]!.text === 'held' ? held.steps : [{ text: 'quick' }],
  )
  await stack.startWorker()
  const before = await submit(stack.gatewayUrl, { prompt: 'before', model: 'qwen3' })
  const running = await submit(stack.gatewayUrl, { prompt: 'held', model: 'qwen3' })
  const other = await submit(stack.gatewayUrl, { prompt: 'held', model: 'deepseek-chat' })
  await until(() => stack.models.requests.length === 3, WAIT_MS)
  await until(async () => (await tasksOf(stack, [before]))[0]!.status === 1, WAIT_MS)
  const accepted = [before, running, other]
  const atFirst = await tasksOf(stack, accepted)

  const [ended, atWork, ofOthers] = accepted.map(({ task_ids }) => task_ids[0]!)
  const bad: { code: DeadMessageCode; fields: Fields }[] = [
    ...Object.values(UNREADABLE).map((fields) => ({ code: UNREADABLE_CODE, fields })),
    { code: 'unknown_task', fields: messageOf(uuidv7(), 0) },
    { code: 'future_fence', fields: messageOf(ended!, 9) },
    { code: 'future_fence', fields: messageOf(atWork!, 2) },
    { code: 'wrong_stream', fields: messageOf(ofOthers!, 1) },
  ]
  // A late message is nothing out of the ordinary.
  const late = [
    messageOf(ended!, 0),
    messageOf(ended!, 1),
    messageOf(atWork!, 0),
    messageOf(atWork!, 1),
  ]
  await withRedis(stack, async (redis) => {
    for (const { fields } of bad) {
      await redis.xadd(STREAM, '*', ...fields)
      accepted.push(await submit(stack.gatewayUrl, { prompt: 'among', model: 'qwen3' }))
    }
    for (const fields of late) await redis.xadd(STREAM, '*', ...fields)
    await untilCopied(redis, bad.length)
  })
  await demandDead(
    stack,
    bad.map(({ code }) => code),
  )
  const now = await tasksOf(stack, accepted.slice(0, 3))
  demand(JSON.stringify(now) === JSON.stringify(atFirst), 'a bad message changed a task')
  held.open()
  demandAnsweredOnce(await demandAllEndedOnce(stack, accepted, { extraCalls: 0 }))
  await demandStreamsEmpty(stack.redisUrl)
  return []
}

/** Waits until so many dead letters stand in their stream; that one stands there twice is no harm. */
async function untilCopied(redis: Redis, letters: number): Promise<void> {
  const ids = async () => {
    const entries = await redis.xrange(DEAD_LETTER_STREAM, '-', '+')
    return new Set(entries.map(([, fields]) => fields[fields.indexOf('id') + 1]))
  }
  await until(async () => (await ids()).size === letters, WAIT_MS)
}

/** Demands that the messages which are dead letters are so many of each kind, and none too long. */
async function demandDead({ database }: FaultStack, codes: DeadMessageCode[]): Promise<void> {
  const letters = await database.query<{ error_code: string }>(
    `SELECT error_code FROM dead_letters
     WHERE kind = 'message' AND source = '${STREAM}' AND octet_length(payload) <= 4096`,
  )
  const found = letters.map(({ error_code }) => error_code).toSorted()
  const expected = codes.toSorted()
  demand(found.join() === expected.join(), `dead letters: ${found}; expected: ${expected}`)
}

/** All stand in the stream before the worker starts: good, bad ones in a row, good, and so on. */
async function queueBehindBadMessages(stack: FaultStack): Promise<Figure[]> {
  const kinds = Object.values(UNREADABLE).filter((fields) => fields.join('').length < 1000)
  const accepted: SubmitAnswer[] = []
  return withRedis(stack, async (redis) => {
    for (let row = 0; row < 2; row++) {
      accepted.push(...(await submitMany(stack, 10)))
      const bad = Array.from({ length: IN_A_ROW }, (_, i) => kinds[i % kinds.length]!)
      await Promise.all(bad.map((fields) => redis.xadd(STREAM, '*', ...fields)))
    }
    accepted.push(...(await submitMany(stack, 10)))
    await Promise.all([stack.startWorker(), stack.startWorker()])
    const ready = performance.now()
    demandAnsweredOnce(await demandAllEndedOnce(stack, accepted, { extraCalls: 0 }))
    const goodMs = performance.now() - ready
    await demandStreamsEmpty(stack.redisUrl)
    await untilCopied(redis, 2 * IN_A_ROW)
    const codes = Array.from({ length: 2 * IN_A_ROW }, () => UNREADABLE_CODE)
    await demandDead(stack, codes)
    return [{ name: 'good messages behind them have been answered', value: goodMs, unit: 'ms' }]
  })
}
