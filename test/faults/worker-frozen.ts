import { setTimeout as pause } from 'node:timers/promises'
import { submit, until } from '../setup/client.ts'
import { withShim } from '../setup/shims/with-shim.ts'
import {
  answerCalls,
  type FaultWorker,
  gate,
  LEASE_MS,
  MODEL,
  startFaultWorker,
} from './fault-worker.ts'
import {
  demand,
  demandAllEndedOnce,
  type Figure,
  onStack,
  type Scenario,
  tasksOf,
  WAIT_MS,
} from './scenario.ts'

type Stop = {
  /** Makes the worker stand still. */
  freeze(worker: FaultWorker): void
  /** Resolves when it goes on; it has stood still since `frozenAt`, by `performance.now()`. */
  thaw(worker: FaultWorker, frozenAt: number): Promise<void>
  settings?: Record<string, string>
}

/**
 * Lets a worker stand still in its call for longer than its lease. Its answer arrives meanwhile, so
 * that it has an outcome to store as soon as it goes on, while another worker holds the task.
 */
async function standStill({ freeze, thaw, settings }: Stop, lock: boolean): Promise<Figure[]> {
  return onStack({}, async (stack) => {
    const answers = [gate('of the frozen'), gate('of the other')]
    const calls = answerCalls(stack, ({ earlier }) => answers[earlier]?.steps ?? [{ text: 'more' }])
    const workers = await Promise.all(
      ['first', 'second'].map((name) => startFaultWorker(stack, name, { lock, ...settings })),
    )
    const accepted = [await submit(stack.gatewayUrl, { prompt: 'a', model: MODEL })]
    await until(() => calls.length === 1, WAIT_MS)
    const frozen = workers.find(({ name }) => name === calls[0]!.worker)!
    const frozenAt = performance.now()
    freeze(frozen)
    // A signal that it handles itself takes a moment.
    await pause(500)
    answers[0]!.open()
    await until(() => calls.length === 2, WAIT_MS)
    const value = calls[1]!.at - frozenAt
    demand(calls[1]!.worker !== frozen.name, 'a worker that stands still has called a model')

    await thaw(frozen, frozenAt)
    // Time enough for it to store what it has.
    await pause(LEASE_MS)
    const [between] = await tasksOf(stack, accepted)
    demand(
      between!.status === 3 && between!.worker_id === calls[1]!.worker,
      `the task is no longer the other's: ${JSON.stringify(between)}`,
    )
    answers[1]!.open()
    const [task] = await demandAllEndedOnce(stack, accepted, { extraCalls: 1 })
    demand(
      task!.status === 1 && task!.response_text === 'slow of the other',
      `stored is ${JSON.stringify(task)}`,
    )
    await demandItWorks(frozen, workers, async () => {
      const more = await submit(stack.gatewayUrl, { prompt: 'more', model: MODEL })
      await demandAllEndedOnce(stack, [...accepted, more])
    })
    return [{ name: 'taken over after', value, unit: 'ms', limit: LEASE_MS * 2 }]
  })
}

/** With nobody beside it, it must be able to do its work; then it drains as ever. */
async function demandItWorks(
  frozen: FaultWorker,
  workers: FaultWorker[],
  work: () => Promise<void>,
): Promise<void> {
  for (const { name, program } of workers.toSorted((a) => (a === frozen ? 1 : -1))) {
    if (name === frozen.name) await work()
    const exit = await program.stop()
    demand(exit === 0, `${name} ended with ${exit}:\n${program.output()}`)
  }
}

const FROZEN: Stop = {
  freeze: ({ program }) => program.child.kill('SIGSTOP'),
  thaw: async ({ program }) => void program.child.kill('SIGCONT'),
}

const blockedFor = (ms: number): Stop => ({
  freeze: ({ program }) => program.child.kill('SIGUSR2'),
  thaw: (_, frozenAt) => pause(frozenAt + ms - performance.now()),
  settings: { ...withShim('block-on-sigusr2'), BLOCK_MS: String(ms) },
})

const HOLDS = "its finish changes no row while another holds the task; the other's result stands"

export const scenarios: Scenario[] = [true, false].flatMap((lock) => {
  const watched = lock ? 'session locks watched' : 'leases only'
  return [
    {
      fault: `worker frozen past its lease, then continued (${watched})`,
      holds: HOLDS,
      times: { short: 1, long: 10 },
      waits: true,
      run: () => standStill(FROZEN, lock),
    },
    {
      fault: `event loop of a worker blocked for 15 s (${watched})`,
      holds: HOLDS,
      times: { short: 1, long: 5 },
      waits: true,
      run: ({ long }) => standStill(blockedFor(long ? 15_000 : 13_000), lock),
    },
  ]
})
