import { setTimeout as pause } from 'node:timers/promises'
import { demand, type FaultStack, onStack } from '../faults/scenario.ts'
import type { Done } from './clients.ts'
import { judgeEnd } from './judge-end.ts'
import { type Judgement, judgeSamples, type Pace } from './judgements.ts'
import { underMixedLoad } from './load.ts'
import { startRestlessWorker } from './restless-worker.ts'
import { openSampler, type Sample } from './samples.ts'
import { warmUpGateway } from './warm-up-gateway.ts'

/** What came of a run. */
export type Run = {
  pace: Pace
  samples: Sample[]
  judgements: Judgement[]
  done: Done
  killed: number
  drained: number
}

const SAMPLE_EVERY_MS = 10_000
/** Of a shorter run more samples are taken, so that a tenth of it still holds a few. */
const LONG_RUN_MS = 600_000
const SAMPLE_SHORT_RUN_EVERY_MS = 2_000
/** A worker is ended so often in a run, each other time by SIGKILL: every 90 s in half an hour. */
const ENDS_OF_A_WORKER = 20
/** A worker needs some time to come up, however short the run is. */
const LEAST_BETWEEN_ENDS_MS = 6_000

/** Some models never begin to answer; the default would wait for each of them for minutes. */
const WORKER_SETTINGS = { FIRST_TOKEN_TIMEOUT_MS: '5000' }

/**
 * Runs the whole stack on workerd under load for so long, judges what was seen, and takes it down.
 * Throws when it was interrupted, or when the worker that is to live all along dies.
 */
export async function runSoak(
  { minutes, rate }: { minutes: number; rate: number },
  interrupted: AbortSignal,
  onSample: (sample: Sample) => void,
): Promise<Run> {
  const durationMs = minutes * 60_000
  const pace = {
    durationMs,
    rate,
    endWorkerEveryMs: Math.max(durationMs / ENDS_OF_A_WORKER, LEAST_BETWEEN_ENDS_MS),
  }
  return onStack({ runtime: 'workerd', workerSettings: WORKER_SETTINGS }, (stack) =>
    soakStack(stack, pace, interrupted, onSample),
  )
}

async function soakStack(
  stack: FaultStack,
  pace: Pace,
  interrupted: AbortSignal,
  onSample: (sample: Sample) => void,
): Promise<Run> {
  const settings = { DATABASE_DIRECT_URL: stack.database.url }
  const steady = await stack.startWorker({ ...settings, WORKER_ID: 'steady' })
  const restless = await startRestlessWorker(
    stack,
    { ...settings, WORKER_ID: 'restless' },
    pace.endWorkerEveryMs,
  )
  return underMixedLoad(stack, pace.rate, async (load) => {
    await warmUpGateway(stack, interrupted)
    const samples = await takeSamples(stack, steady.child.pid!, pace, interrupted, onSample)
    const ofEnd = await unlessAborted(interrupted, judgeEnd(stack, load, steady, restless))
    return {
      pace,
      samples,
      judgements: [...judgeSamples(samples, pace), ...ofEnd],
      done: load.done,
      killed: restless.killed(),
      drained: restless.drained(),
    }
  })
}

async function takeSamples(
  stack: FaultStack,
  workerPid: number,
  { durationMs }: Pace,
  interrupted: AbortSignal,
  onSample: (sample: Sample) => void,
): Promise<Sample[]> {
  const everyMs = durationMs < LONG_RUN_MS ? SAMPLE_SHORT_RUN_EVERY_MS : SAMPLE_EVERY_MS
  const sampler = openSampler(stack, workerPid)
  const began = performance.now()
  const samples: Sample[] = []
  try {
    for (let dueMs = everyMs; dueMs <= durationMs; dueMs += everyMs) {
      const waitMs = Math.max(began + dueMs - performance.now(), 0)
      await pause(waitMs, undefined, { signal: interrupted })
      const sample = await sampler.take(dueMs)
      demand(sample.workerMb > 0, 'the worker that was to live all along has died')
      samples.push(sample)
      forgetRequests(stack)
      onSample(sample)
    }
  } finally {
    sampler.close()
  }
  return samples
}

/** The servers of a stack keep all that they were asked, for tests that look at it. */
function forgetRequests({ models, sql, rest }: FaultStack): void {
  models.requests.length = 0
  sql.take()
  rest.take()
}

/** Throws as soon as it is aborted; what is under way is then left to itself. */
async function unlessAborted<Result>(signal: AbortSignal, work: Promise<Result>): Promise<Result> {
  const aborted = Promise.withResolvers<never>()
  const reject = () => aborted.reject(signal.reason)
  signal.addEventListener('abort', reject, { once: true })
  if (signal.aborted) reject()
  return Promise.race([work, aborted.promise])
}
