import { setTimeout as pause } from 'node:timers/promises'
import { submit, until } from '../setup/client.ts'
import type { Step } from '../setup/model-server.ts'
import type { TcpProxy } from '../setup/tcp-proxy.ts'
import { answerCalls, gate, LEASE_MS, MODEL, NEVER_ENDS, startFaultWorker } from './fault-worker.ts'
import { demandAnsweredOnce, demandDeadLetters, demandStreamsEmpty } from './outcomes.ts'
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
import { underSteadyLoad } from './steady-load.ts'

/** How a network fails: it closes what is open and refuses what comes, or nothing comes through. */
const WAYS = [
  { way: 'cut', fail: (proxy: TcpProxy) => proxy.cut() },
  { way: 'silent', fail: (proxy: TcpProxy) => proxy.hush() },
] as const
type Fail = (typeof WAYS)[number]['fail']

const CALLS = 5

export const scenarios: Scenario[] = [
  ...WAYS.map(({ way, fail }) => ({
    fault: `network between the worker and Redis ${way} for 30 s under load`,
    holds: 'nothing is lost, and no model is called twice',
    run: ({ long }: { long: boolean }) =>
      onStack({}, (stack) => withoutRedis(stack, fail, long ? 30_000 : 5_000)),
  })),
  ...WAYS.flatMap(({ way, fail }) =>
    [true, false].map((lock) => ({
      fault: `network between one of two workers and Postgres ${way} (${lock ? 'session locks watched' : 'leases only'})`,
      holds: 'the other takes over, at most one more call a task, and late results change nothing',
      run: () =>
        onStack({}, (stack) =>
          // Postgres hears nothing of a connection that falls silent, and its lock stays.
          withoutPostgres(stack, fail, {
            lock,
            limitMs: lock && way === 'cut' ? 2000 : 2 * LEASE_MS,
          }),
        ),
    })),
  ),
  ...WAYS.map(({ way, fail }) => ({
    fault: `only the connections of the session locks ${way}`,
    holds: 'no living call is reaped: its lease is renewed',
    run: () => onStack({}, (stack) => withoutLocks(stack, fail)),
  })),
  {
    fault: 'network between the worker and a model cut in the middle of answers',
    holds: 'the calls are made again, and no partial text becomes the answer',
    run: () => onStack({}, cutInAnswers),
  },
  {
    fault: 'network between the worker and a model silent in the middle of answers',
    holds:
      'each fails as idle after its time, with a dead letter, and no partial text is an answer',
    run: () => onStack({}, silentInAnswers),
  },
  {
    fault: 'network between the worker and a model cut for 30 s under load',
    holds: 'each task waits or fails with a reason and a dead letter, and other models go on',
    run: ({ long }) => onStack({}, (stack) => withoutModel(stack, long ? 30_000 : 5_000)),
  },
]

async function withoutRedis(stack: FaultStack, fail: Fail, ms: number): Promise<Figure[]> {
  const redis = await stack.proxyTo(stack.redisUrl)
  await stack.startWorker({ REDIS_URL: redis.url })
  return underSteadyLoad(stack, { perSecond: 10 }, async (load) => {
    await until(() => load.accepted.length >= 5, WAIT_MS)
    fail(redis)
    await pause(ms)
    redis.open()
    const whole = performance.now()
    const before = [...load.accepted]
    const ended = async () => (await tasksOf(stack, before)).every(({ status }) => status === 1)
    await until(ended, WAIT_MS)
    const value = (performance.now() - whole) / 1000
    await load.end()
    demandAnsweredOnce(await demandAllEndedOnce(stack, load.accepted, { extraCalls: 0 }))
    await demandStreamsEmpty(stack.redisUrl)
    const name = 'all accepted before the network was whole has been answered'
    return [{ name, value, unit: 's', limit: 30 }]
  })
}

/**
 * Some calls of the worker that is cut off end in the meantime, and their results come late; the
 * others run on, and are aborted when it hears that they are no longer its own.
 */
async function withoutPostgres(
  stack: FaultStack,
  fail: Fail,
  { lock, limitMs }: { lock: boolean; limitMs: number },
): Promise<Figure[]> {
  const late = gate('of the first')
  const calls = answerCalls(stack, ({ prompt, worker }) => {
    if (worker === 'second') return [{ text: 'of the second' }]
    return prompt.startsWith('late') ? late.steps : NEVER_ENDS
  })
  const direct = await stack.proxyTo(stack.database.url)
  const first = await startFaultWorker(stack, 'first', {
    lock,
    ...(lock && { DATABASE_DIRECT_URL: direct.url }),
  })
  const accepted = await submitMany(stack, CALLS * 2, (i) => ({
    prompt: `${i < CALLS ? 'late' : 'endless'} ${i}`,
    model: MODEL,
  }))
  await until(() => calls.length === CALLS * 2, WAIT_MS)
  const aborted = new Set<string>()
  for (const { messages, gone } of stack.models.requests) {
    void gone.then(() => aborted.add(messages[0]!.text))
  }
  await startFaultWorker(stack, 'second', { lock })
  // Who has not been in contact for a lease reaps nothing.
  await pause(LEASE_MS * 1.5)

  for (const network of [first.postgres, direct]) fail(network)
  const failed = performance.now()
  late.open()
  await until(() => calls.some(({ worker }) => worker === 'second'), WAIT_MS)
  const value = performance.now() - failed
  const tasks = await demandAllEndedOnce(stack, accepted, { extraCalls: CALLS * 2 })
  for (const network of [first.postgres, direct]) network.open()
  await first.program.printed(/late result dropped/)
  await until(() => [...aborted].filter((prompt) => prompt.startsWith('endless')).length === CALLS)

  const after = await demandAllEndedOnce(stack, accepted, { extraCalls: CALLS * 2 })
  demand(JSON.stringify(after) === JSON.stringify(tasks), 'a late result changed a task')
  for (const { response_text, deaths, attempt } of after) {
    const found = `${response_text}, ${deaths} deaths, ${attempt} attempts`
    demand(response_text === 'of the second' && deaths === 1 && attempt === 2, found)
  }
  // A call is renewed up to a second before the network fails, and a sweep comes once a lease.
  return [{ name: 'taken over after', value, unit: 'ms', limit: limitMs }]
}

/** Text that goes on and on, so much that its saving is often under way when leases are renewed. */
const FLOWING: Step[] = Array.from({ length: 150 }, () => [
  { text: 'word '.repeat(800) },
  {
    // The time begins when its turn comes.
    get until() {
      return pause(50)
    },
  },
]).flat()

/** Each of two workers has calls, and both lose their locks at once, while the text flows. */
async function withoutLocks(stack: FaultStack, fail: Fail): Promise<Figure[]> {
  const flowing = gate()
  const long = gate()
  const calls = answerCalls(stack, () => [...flowing.steps, ...FLOWING, ...long.steps])
  const direct = await stack.proxyTo(stack.database.url)
  const settings = { lock: true, DATABASE_DIRECT_URL: direct.url, PARTIAL_MS: '100' }
  await startFaultWorker(stack, 'first', settings)
  const accepted = await submitMany(stack, CALLS, () => ({ prompt: 'long', model: MODEL }))
  await until(() => calls.length === CALLS, WAIT_MS)
  await startFaultWorker(stack, 'second', settings)
  await pause(LEASE_MS * 1.5)

  fail(direct)
  flowing.open()
  await pause(LEASE_MS * 1.5)
  long.open()
  const tasks = await demandAllEndedOnce(stack, accepted, { extraCalls: 0 })
  demandAnsweredOnce(tasks)
  const deaths = tasks.reduce((sum, task) => sum + task.deaths, 0)
  demand(deaths === 0, `${deaths} deaths were counted`)
  return []
}

async function cutInAnswers(stack: FaultStack): Promise<Figure[]> {
  const { model, accepted } = await writingAnswers(stack)
  model.cut()
  await until(async () => (await tasksOf(stack, accepted)).every(({ failures }) => failures === 1))
  model.open()
  for (const task of await demandAllEndedOnce(stack, accepted, { extraCalls: CALLS })) {
    const { status, response_text, failures, deaths } = task
    demand(
      status === 1 && response_text === 'The whole.' && failures === 1 && deaths === 0,
      `not answered by the second call: ${JSON.stringify(task)}`,
    )
  }
  return []
}

async function silentInAnswers(stack: FaultStack): Promise<Figure[]> {
  const { model, accepted } = await writingAnswers(stack)
  model.hush()
  const tasks = await demandAllEndedOnce(stack, accepted, { extraCalls: 0 })
  for (const task of tasks) {
    const failed = task.status === 2 && task.error_code === 'idle_timeout'
    demand(failed, `not failed as idle: ${JSON.stringify(task)}`)
  }
  await demandDeadLetters(stack, tasks)
  return []
}

/** A worker in the middle of answers that it gets through a proxy; a second call would succeed. */
async function writingAnswers(stack: FaultStack) {
  const model = await stack.proxyTo(stack.models.url)
  const calls = answerCalls(stack, ({ earlier }) =>
    earlier === 0 ? NEVER_ENDS : [{ text: 'The whole.' }],
  )
  await stack.startWorker({
    LLM_SERVICE_URL: model.url,
    IDLE_TIMEOUT_MS: '3000',
    // So that the network is whole again before any is tried again.
    RETRY_BASE_MS: '4000',
    BREAKER_FAILURES: '1000',
  })
  const accepted = await submitMany(stack, CALLS)
  await until(() => calls.length === CALLS, WAIT_MS)
  const texts = () => stack.database.query('SELECT FROM task_partials')
  await until(async () => (await texts()).length === CALLS, WAIT_MS)
  return { model, accepted }
}

async function withoutModel(stack: FaultStack, ms: number): Promise<Figure[]> {
  const model = await stack.proxyTo(stack.models.url)
  await stack.startWorker({ LLM_SERVICE_URL: model.url, BREAKER_COOL_DOWN_MS: '1000' })
  return underSteadyLoad(stack, { perSecond: 10 }, async (load) => {
    await until(() => load.accepted.length >= 5, WAIT_MS)
    model.cut()
    const other = await submit(stack.gatewayUrl, { prompt: 'another model', model: MODEL })
    await pause(ms)
    const [others] = await tasksOf(stack, [other])
    demand(others!.status === 1, `another model did not answer: ${JSON.stringify(others)}`)
    model.open()
    const whole = performance.now()
    const next = await submit(stack.gatewayUrl, { prompt: 'next', model: 'qwen3' })
    await until(async () => (await tasksOf(stack, [next]))[0]!.status === 1, WAIT_MS)
    const value = (performance.now() - whole) / 1000
    await load.end()

    const accepted = [...load.accepted, other, next]
    const tasks = await demandAllEndedOnce(stack, accepted, { extraCalls: accepted.length })
    const failed = tasks.filter(({ status }) => status !== 1)
    const reasons = ['model_unreachable', 'model_broke_off', 'no_node_available']
    const unknown = failed.filter(({ error_code }) => !reasons.includes(error_code ?? ''))
    demand(unknown.length === 0, `failed for another reason: ${JSON.stringify(unknown[0])}`)
    await demandDeadLetters(stack, failed)
    return [
      // Its next probe comes once the circuit has cooled down.
      { name: 'first answer after the network is whole', value, unit: 's', limit: 10 },
      { name: 'tasks that failed for want of the model', value: failed.length, unit: 'tasks' },
    ]
  })
}
