import { setTimeout as pause } from 'node:timers/promises'
import { submit, until } from '../setup/client.ts'
import { descendants, isAlive } from '../setup/descendants.ts'
import { withShim } from '../setup/shims/with-shim.ts'
import { answerCalls, gate, LEASE_MS, MODEL, NEVER_ENDS, namedWorker } from './fault-worker.ts'
import {
  demand,
  demandAllEndedOnce,
  type Figure,
  onStack,
  type Scenario,
  submitMany,
  tasksOf,
  WAIT_MS,
} from './scenario.ts'
import { supervise } from './supervise.ts'

const NAMES = ['first', 'second']
const GOOD = 49
const POISON = 'poison'
/** As the workers have it. */
const MAX_DEATHS = 3

/**
 * Kills the worker in the call each time, then lets the call succeed. In the long form no kill comes before the
 * other has been there for long enough to take over: then its time is judged.
 */
async function killAgainAndAgain(kills: number, lock: boolean, long: boolean): Promise<Figure[]> {
  const limit = long ? { limit: lock ? 2000 : 2 * LEASE_MS } : {}
  return onStack({}, async (stack) => {
    const calls = answerCalls(stack, ({ earlier }) =>
      earlier < kills ? NEVER_ENDS : [{ text: 'answer' }],
    )
    const workers = await Promise.all(
      NAMES.map((name) => supervise(stack, namedWorker(stack, name, lock))),
    )
    const accepted = [await submit(stack.gatewayUrl, { prompt: 'a', model: MODEL })]
    const figures: Figure[] = []
    for (let kill = 1; kill <= kills; kill++) {
      await until(() => calls.length === kill, WAIT_MS)
      if (long) await pause(LEASE_MS * 1.5)
      const worker = workers[NAMES.indexOf(calls[kill - 1]!.worker)]!.program()
      const children = descendants(worker.child.pid!)
      const killedAt = performance.now()
      await worker.stop('SIGKILL')
      const attempt = async () => (await tasksOf(stack, accepted))[0]!.attempt
      await until(async () => (await attempt()) === kill + 1, WAIT_MS)
      const taken = performance.now() - killedAt
      figures.push({ name: `taken over after kill ${kill}`, value: taken, unit: 'ms', ...limit })
      // From the third on, the call is made by a process that has to start first.
      await until(() => calls.length === kill + 1, WAIT_MS)
      const value = calls[kill]!.at - killedAt
      figures.push({ name: `called again after kill ${kill}`, value, unit: 'ms' })
      await until(() => !children.some(isAlive), WAIT_MS)
    }
    const [task] = await demandAllEndedOnce(stack, accepted, { extraCalls: kills })
    const { status, deaths, child_deaths, failures } = task!
    demand(
      status === 1 && deaths === kills && child_deaths === 0 && failures === 0,
      `counted otherwise: ${JSON.stringify(task)}`,
    )
    for (const worker of workers) await worker.stop()
    return figures
  })
}

/** One task whose answer ends whatever process reads it, beside good ones. */
async function poison(): Promise<Figure[]> {
  return onStack({}, async (stack) => {
    const others = gate()
    const calls = answerCalls(stack, ({ prompt }) =>
      prompt === POISON ? { status: 200, body: {}, headers: { 'x-poison': 'yes' } } : others.steps,
    )
    const workers = await Promise.all(
      NAMES.map((name) =>
        supervise(stack, {
          ...namedWorker(stack, name, true),
          ...withShim('die-on-poison'),
          MAX_DEATHS: String(MAX_DEATHS),
        }),
      ),
    )
    const startedAt = performance.now()
    const [bad, ...good] = await submitMany(stack, GOOD + 1, (i) => ({
      prompt: i === 0 ? POISON : `good ${i}`,
      model: MODEL,
    }))
    // The good ones are all in flight when the second worker dies.
    const killer = async () => (await tasksOf(stack, [bad!]))[0]!
    await until(async () => (await killer()).deaths >= 2, WAIT_MS)
    others.open()
    const tasks = await demandAllEndedOnce(stack, [bad!, ...good])
    const value = performance.now() - startedAt

    const [condemned, ...saved] = tasks
    demand(
      condemned!.status === 2 &&
        condemned!.error_code === 'killed_worker' &&
        condemned!.child_deaths === MAX_DEATHS,
      `the task that kills was to be given up: ${JSON.stringify(condemned)}`,
    )
    const letters = await stack.database.query(
      `SELECT task_id, error_code FROM dead_letters WHERE kind = 'task'`,
    )
    demand(
      JSON.stringify(letters) ===
        JSON.stringify([{ task_id: condemned!.id, error_code: 'killed_worker' }]),
      `the dead letters are ${JSON.stringify(letters)}`,
    )
    const lost = saved.filter(({ status, failures }) => status !== 1 || failures !== 0)
    demand(lost.length === 0, `good tasks were hit: ${JSON.stringify(lost)}`)
    const deaths = workers.reduce((sum, worker) => sum + worker.deaths(), 0)
    demand(deaths === 2, `${deaths} workers died of it, and 2 may`)
    for (const { prompt } of calls) {
      const made = calls.filter((call) => call.prompt === prompt).length
      const allowed = prompt === POISON ? 2 + MAX_DEATHS : 1 + deaths
      demand(made <= allowed, `${made} calls of a model where ${allowed} are allowed: ${prompt}`)
    }
    for (const worker of workers) {
      const exit = await worker.stop()
      demand(exit === 0, `a worker ended with ${exit}:\n${worker.program().output()}`)
    }
    return [{ name: 'all ended after', value, unit: 'ms' }]
  })
}

function repeated(kills: number, lock: boolean): Scenario {
  return {
    fault: `${kills === 2 ? 'two' : 'three'} kills on the same task (${lock ? 'session locks watched' : 'leases only'})`,
    holds: 'it still ends once; every death is counted, and none as its own; no child is left',
    times: { short: 1, long: 20 },
    waits: true,
    run: ({ long }) => killAgainAndAgain(kills, lock, long),
  }
}

export const scenarios: Scenario[] = [
  ...[2, 3].flatMap((kills) => [repeated(kills, true), repeated(kills, false)]),
  {
    fault: `a task that kills its process every time, beside ${GOOD} good ones`,
    holds: `it fails as killed_worker with a dead letter; two workers die of it; the ${GOOD} succeed`,
    times: { short: 1, long: 5 },
    run: poison,
  },
]
