import { setTimeout as pause } from 'node:timers/promises'
import type { SubmitAnswer } from '../../drizzle/contract/http-api.ts'
import { submit, until } from '../setup/client.ts'
import type { Hold, TcpProxy } from '../setup/tcp-proxy.ts'
import {
  answerCalls,
  type Call,
  type FaultWorker,
  gate,
  LEASE_MS,
  MODEL,
  NEVER_ENDS,
  startFaultWorker,
} from './fault-worker.ts'
import {
  demand,
  demandAllEndedOnce,
  type FaultStack,
  type Figure,
  onStack,
  type Scenario,
  tasksOf,
  WAIT_MS,
} from './scenario.ts'

/** How soon peers that watch the session lock of the dead are to have taken over, in ms. */
const WATCHED_MS = 2000
/** A sweep comes at least once a lease. */
const EXPIRED_MS = LEASE_MS + LEASE_MS

/** A moment in the life of a task at which its worker is killed. */
type Point = {
  name: string
  /** What the proxy holds; without it the model hangs in the first call. */
  hold?(postgres: TcpProxy): Hold
  /** How the task stands in the database at that moment. */
  status: number
  /** Within how long another worker takes over where nobody watches locks, in ms. */
  unwatchedMs: number
}

const CLAIM = 'claim-tasks-if-pending'
const FINISH = 'finish-tasks-if-held'
const POINTS: Point[] = [
  {
    name: 'after read',
    hold: (postgres) => postgres.holdBefore(CLAIM),
    status: 0,
    unwatchedMs: EXPIRED_MS,
  },
  {
    name: 'after claim',
    hold: (postgres) => postgres.holdAfter(CLAIM),
    status: 3,
    unwatchedMs: EXPIRED_MS,
  },
  { name: 'in the call', status: 3, unwatchedMs: EXPIRED_MS },
  {
    name: "after the model's answer",
    hold: (postgres) => postgres.holdBefore(FINISH),
    status: 3,
    unwatchedMs: EXPIRED_MS,
  },
  {
    name: 'after finish',
    hold: (postgres) => postgres.holdAfter(FINISH),
    status: 1,
    unwatchedMs: EXPIRED_MS,
  },
]

type Circumstances = {
  /** Whether workers hold a session lock, and watch those of the others. */
  lock: boolean
  /** Whether the survivor has been without work for two leases, or has calls of its own. */
  idle: boolean
  /** Whether both have the same WORKER_ID. */
  sameId?: boolean
}

const TARGET = 'the task at the point'

/** Kills one of two workers when its task has come to the point. */
async function killAt(point: Point, { lock, idle, sameId }: Circumstances): Promise<Figure[]> {
  return onStack({}, async (stack) => {
    const others = gate()
    const calls = answerCalls(stack, ({ prompt, earlier }) => {
      if (prompt !== TARGET) return others.steps
      return !point.hold && earlier === 0 ? NEVER_ENDS : [{ text: 'answer' }]
    })
    const settings = { lock, ...(sameId && { WORKER_ID: 'twin' }) }
    const workers = await Promise.all(
      ['first', 'second'].map((name) => startFaultWorker(stack, name, settings)),
    )
    const accepted: SubmitAnswer[] = []
    if (!idle) await keepBusy(stack, workers, calls, accepted)
    // Idle for more than two leases, or at work for more than the one for which nobody may reap.
    await pause(idle ? LEASE_MS * 2.5 : LEASE_MS * 1.5)

    const { target, victim } = await reach(stack, point, workers, calls)
    accepted.push(target)
    const held = calls.filter(({ worker }) => worker === victim.name).map(({ prompt }) => prompt)
    const killedAt = performance.now()
    await victim.program.stop('SIGKILL')
    const figures = await measure(stack, { point, lock, killedAt, held, calls, target })

    others.open()
    const tasks = await demandAllEndedOnce(stack, accepted)
    demand(
      tasks.every(({ status, failures }) => status === 1 && failures === 0),
      `the death of a worker counted as a failure: ${JSON.stringify(tasks)}`,
    )
    for (const prompt of new Set(calls.map(({ prompt }) => prompt))) {
      const made = calls.filter((call) => call.prompt === prompt).length
      const allowed = held.includes(prompt) && !(prompt === TARGET && point.status === 1) ? 2 : 1
      demand(made <= allowed, `${made} calls of a model where ${allowed} are allowed: ${prompt}`)
    }
    const survivor = workers.find((worker) => worker !== victim)!
    const exit = await survivor.program.stop()
    demand(exit === 0, `the survivor ended with ${exit}:\n${survivor.program.output()}`)
    return figures
  })
}

/** Gives both workers calls that last. */
async function keepBusy(
  stack: FaultStack,
  workers: FaultWorker[],
  calls: Call[],
  accepted: SubmitAnswer[],
): Promise<void> {
  const busy = () => new Set(calls.map(({ worker }) => worker)).size
  for (let i = 1; busy() < workers.length || i <= 4; i++) {
    accepted.push(await submit(stack.gatewayUrl, { prompt: `another task, ${i}`, model: MODEL }))
    await until(() => calls.length === i, WAIT_MS)
  }
}

/** Submits the task, and waits until it has come to the point; tells whose it is then. */
async function reach(
  stack: FaultStack,
  point: Point,
  workers: FaultWorker[],
  calls: Call[],
): Promise<{ target: SubmitAnswer; victim: FaultWorker }> {
  const holds = workers.map(({ postgres }) => point.hold?.(postgres))
  const target = await submit(stack.gatewayUrl, { prompt: TARGET, model: MODEL })
  let index: number
  if (point.hold) {
    const reached = holds.map((hold, i) => hold!.reached.then(() => i))
    const late = pause(WAIT_MS, undefined, { ref: false }).then(() => {
      throw new Error(`no worker came to the point ${point.name}`)
    })
    index = await Promise.race([...reached, late])
  } else {
    await until(() => calls.some(({ prompt }) => prompt === TARGET), WAIT_MS)
    const { worker } = calls.find(({ prompt }) => prompt === TARGET)!
    index = workers.findIndex(({ name }) => name === worker)
  }
  for (const [i, hold] of holds.entries()) if (i !== index) hold?.release()
  const status = async () => (await tasksOf(stack, [target]))[0]!.status
  await until(async () => (await status()) === point.status)
  return { target, victim: workers[index]! }
}

/** Waits until the dead worker's tasks are called for again, and gives how long that took. */
async function measure(
  stack: FaultStack,
  {
    point,
    lock,
    killedAt,
    held,
    calls,
    target,
  }: {
    point: Point
    lock: boolean
    killedAt: number
    held: string[]
    calls: Call[]
    target: SubmitAnswer
  },
): Promise<Figure[]> {
  const since = (prompt: string) =>
    calls.find((call) => call.prompt === prompt && call.at > killedAt)?.at
  const after = async (name: string, prompt: string, limit: number): Promise<Figure> => {
    await until(() => since(prompt) !== undefined, WAIT_MS)
    return { name, value: since(prompt)! - killedAt, unit: 'ms', limit }
  }
  const figures: Figure[] = []
  if (point.status !== 1) {
    const limit = lock ? WATCHED_MS : point.unwatchedMs
    figures.push(await after('taken over after', TARGET, limit))
  } else {
    await until(async () => (await tasksOf(stack, [target]))[0]!.status === 1)
    figures.push({ name: 'ended after', value: performance.now() - killedAt, unit: 'ms' })
  }
  const rest = [...new Set(held)].filter((prompt) => prompt !== TARGET)
  for (const prompt of rest) {
    const limit = lock ? WATCHED_MS : EXPIRED_MS
    figures.push(await after('its other tasks taken over after', prompt, limit))
  }
  return figures
}

/** In the short form, once in each circumstance: four times a point in all. */
const TIMES = { short: 1, long: 20 }

function scenario(point: Point, circumstances: Circumstances): Scenario {
  const { lock, idle, sameId } = circumstances
  const within = lock ? WATCHED_MS : point.unwatchedMs
  const details = [
    lock ? 'session locks watched' : 'leases only',
    idle ? 'the survivor was idle' : 'the survivor was busy',
    ...(sameId ? ['both have the same WORKER_ID'] : []),
  ]
  return {
    fault: `worker killed ${point.name} (${details.join(', ')})`,
    holds: `all ends once, at most one more call for each task it held, taken over in ${within / 1000} s`,
    times: TIMES,
    waits: true,
    run: () => killAt(point, circumstances),
  }
}

export const scenarios: Scenario[] = [
  ...[true, false].flatMap((lock) =>
    [false, true].flatMap((idle) => POINTS.map((point) => scenario(point, { lock, idle }))),
  ),
  ...[true, false].map((lock) => scenario(POINTS[2]!, { lock, idle: false, sameId: true })),
]
