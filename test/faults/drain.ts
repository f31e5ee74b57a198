import { setTimeout as pause } from 'node:timers/promises'
import { until } from '../setup/client.ts'
import {
  answerCalls,
  type Call,
  type FaultWorker,
  gate,
  LEASE_MS,
  MODEL,
  startFaultWorker,
} from './fault-worker.ts'
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

const TASKS = 12
const DRAIN_MS = 1000

/** Two workers with calls that last until the gate is opened, and what the first of them holds. */
async function twoAtWork(stack: FaultStack, settings: Record<string, string>) {
  const answers = gate()
  const calls = answerCalls(stack, () => answers.steps)
  const leaving = await startFaultWorker(stack, 'leaving', { lock: true, ...settings })
  const staying = await startFaultWorker(stack, 'staying', { lock: true })
  const accepted = await submitMany(stack, TASKS, (i) => ({ prompt: `${i}`, model: MODEL }))
  await until(() => calls.length === TASKS, WAIT_MS)
  const held = calls.filter(({ worker }) => worker === leaving.name).length
  demand(held > 0 && held < TASKS, 'one worker has all the calls')
  return { answers, calls, accepted, leaving, staying, held }
}

/** Waits until the other has called for all that the one that left held; gives when. */
async function untilTakenOver(calls: Call[], held: number): Promise<number> {
  await until(() => calls.length === TASKS + held, WAIT_MS)
  return calls.at(-1)!.at
}

async function demandCleanExit({ name, program }: FaultWorker): Promise<void> {
  const exit = await program.stop()
  demand(exit === 0, `${name} ended with ${exit}:\n${program.output()}`)
}

/** One is drained; its calls do not end within its grace time. */
async function handOver(): Promise<Figure[]> {
  return onStack({}, async (stack) => {
    const { answers, calls, accepted, leaving, staying, held } = await twoAtWork(stack, {
      DRAIN_MS: String(DRAIN_MS),
    })
    const endOfGrace = performance.now() + DRAIN_MS
    await demandCleanExit(leaving)
    const value = (await untilTakenOver(calls, held)) - endOfGrace
    answers.open()
    const tasks = await demandAllEndedOnce(stack, accepted, { extraCalls: held })
    demand(
      tasks.every(({ status, deaths, failures }) => status === 1 && !deaths && !failures),
      `a drain was counted as a death or a failure: ${JSON.stringify(tasks)}`,
    )
    await demandCleanExit(staying)
    return [{ name: 'started by another after', value, unit: 'ms', limit: 1000 }]
  })
}

/** One is told twice to stop, while its calls go on. */
async function leaveAtOnce(): Promise<Figure[]> {
  return onStack({}, async (stack) => {
    const { answers, calls, accepted, leaving, staying, held } = await twoAtWork(stack, {
      DRAIN_MS: '600000',
    })
    leaving.program.child.kill('SIGTERM')
    await leaving.program.printed(/worker draining/)
    // Who has not been in contact for a lease takes nothing over.
    await pause(LEASE_MS * 1.5)
    const toldAt = performance.now()
    const exit = await leaving.program.stop('SIGTERM')
    const exitedAt = performance.now()
    demand(exit === 1, `the second signal ended it with ${exit}`)
    const takenAt = await untilTakenOver(calls, held)
    answers.open()
    await demandAllEndedOnce(stack, accepted, { extraCalls: held })
    await demandCleanExit(staying)
    return [
      { name: 'exited after', value: exitedAt - toldAt, unit: 'ms', limit: 1000 },
      { name: 'taken over after', value: takenAt - exitedAt, unit: 'ms', limit: 2000 },
    ]
  })
}

export const scenarios: Scenario[] = [
  {
    fault: 'worker drained (SIGTERM) while its calls go on',
    holds: 'another starts what it hands back within a second; no death or failure is counted',
    times: { short: 1, long: 20 },
    waits: true,
    run: handOver,
  },
  {
    fault: 'second SIGTERM while a worker drains',
    holds: 'it exits at once, with 1; what it held is taken over',
    times: { short: 1, long: 10 },
    waits: true,
    run: leaveAtOnce,
  },
]
