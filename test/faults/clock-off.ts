import { setTimeout as pause } from 'node:timers/promises'
import { until } from '../setup/client.ts'
import { PNG } from '../setup/pictures.ts'
import { withShim } from '../setup/shims/with-shim.ts'
import { answerCalls, gate, LEASE_MS, MODEL, startFaultWorker } from './fault-worker.ts'
import {
  demand,
  demandAllEndedOnce,
  type Figure,
  onStack,
  type Scenario,
  submitMany,
  WAIT_MS,
} from './scenario.ts'

const TEN_MINUTES_MS = 600_000
/** So many that each of two workers gets some. */
const TASKS = 12

/**
 * Two workers, one with a clock that is off. First calls last for two leases, and some are to be
 * made again; then the worker whose clock is right is killed.
 */
async function withClockOff(shiftMs: number, lock: boolean): Promise<Figure[]> {
  return onStack({}, async (stack) => {
    const gates = { quiet: gate(), fatal: gate() }
    const calls = answerCalls(stack, ({ prompt, earlier }) => {
      if (prompt.startsWith('quiet')) return gates.quiet.steps
      if (prompt.startsWith('fatal')) return gates.fatal.steps
      return earlier === 0 ? { status: 503, body: {} } : [{ text: 'answer' }]
    })
    const called = (kind: string) => calls.filter(({ prompt }) => prompt.startsWith(kind))
    const submitted = (kind: string, files?: File) =>
      submitMany(stack, TASKS, (i) => ({
        prompt: `${kind} ${i}`,
        model: MODEL,
        ...(files && { files }),
      }))
    const right = await startFaultWorker(stack, 'right', { lock })
    const off = await startFaultWorker(stack, 'off', {
      lock,
      ...withShim('shift-clock'),
      CLOCK_SHIFT_MS: String(shiftMs),
    })

    // The addresses at which workers fetch files end at a time.
    const picture = new File([PNG], 'red.png')
    const [quiet, stumbling] = await Promise.all([
      submitted('quiet'),
      submitted('stumbling', picture),
    ])
    await until(() => called('quiet').length === TASKS, WAIT_MS)
    demand(new Set(called('quiet').map(({ worker }) => worker)).size === 2, 'one has all the calls')
    await pause(LEASE_MS * 2)
    gates.quiet.open()
    const tasks = await demandAllEndedOnce(stack, [...quiet, ...stumbling], { extraCalls: TASKS })
    for (const [i, { status, deaths, failures, attempt }] of tasks.entries()) {
      const failed = i < TASKS ? 0 : 1
      demand(
        status === 1 && deaths === 0 && failures === failed && attempt === failed + 1,
        `a clock made a difference: ${JSON.stringify(tasks[i])}`,
      )
    }

    const fatal = await submitted('fatal')
    await until(() => called('fatal').length === TASKS, WAIT_MS)
    const held = called('fatal').filter(({ worker }) => worker === right.name)
    demand(held.length > 0, 'the worker that is to die holds nothing')
    const killedAt = performance.now()
    await right.program.stop('SIGKILL')
    await until(() => called('fatal').length === TASKS + held.length, WAIT_MS)
    const value = called('fatal').at(-1)!.at - killedAt
    gates.fatal.open()
    const ended = await demandAllEndedOnce(stack, fatal)
    demand(called('fatal').length === TASKS + held.length, 'a call was made twice')
    demand(
      ended.reduce((sum, { deaths }) => sum + deaths, 0) === held.length,
      `deaths are counted otherwise: ${JSON.stringify(ended)}`,
    )
    const exit = await off.program.stop()
    demand(exit === 0, `the worker ended with ${exit}:\n${off.program.output()}`)
    return [{ name: 'taken over after', value, unit: 'ms', limit: lock ? 2000 : LEASE_MS * 2 }]
  })
}

export const scenarios: Scenario[] = [TEN_MINUTES_MS, -TEN_MINUTES_MS].flatMap((shiftMs) =>
  [true, false].map((lock) => ({
    fault: `clock of one of two workers ten minutes ${shiftMs > 0 ? 'fast' : 'slow'} (${lock ? 'session locks watched' : 'leases only'})`,
    holds:
      'no difference: nothing is taken from the living, retries come when due, files are fetched, the dead are replaced',
    times: { short: 1, long: 5 },
    waits: true,
    run: () => withClockOff(shiftMs, lock),
  })),
)
