import type { Sample } from './samples.ts'

/** What was demanded of a run, and what was found. */
export type Judgement = { what: string; limit: string; found: string; held: boolean }

/** What the bounds depend on. */
export type Pace = {
  durationMs: number
  /** How many batches are submitted a second. */
  rate: number
  /** How long one of the two workers is left alone before it is ended the next time. */
  endWorkerEveryMs: number
}

/** How much more memory may be in use at the end than after a third of the time. */
const GROWTH = 1.1
/** This script keeps an id for every task and the log of each worker, and is judged by less. */
const GROWTH_OF_SCRIPT = 1.5
/** What memory is in use at a time is the median of so much of the run, as collections come and go. */
const WINDOW = 0.1

/** A worker finds nothing to read for at most so long: a circuit that stays open, and one probe. */
const LONGEST_WAIT_S = 60
/** No batch of the load has more tasks of one family than this, the second tries included. */
const MESSAGES_PER_BATCH = 3

/** The product keeps about 10,000; a stream is cut by whole nodes, each of up to 100 entries. */
const DEAD_LETTERS = 10_000 + 100

/** A consumer that was killed is dropped when it has been silent for so long (`sweep.ts`), in ms… */
const CONSUMER_SILENT_MS = 600_000
/** …by the next worker that starts. The two that live, and one on its way out, are there as well. */
const CONSUMERS_LIVING = 3

/** Two workers have 50 slots in each of three families, and none reads more than it has free. */
const PENDING = 2 * 50 * 3

/**
 * A worker has 4 for its work, 2 for its heartbeats, 2 for its lookout and 1 for its session lock; the
 * one that was killed may not be gone yet when the next is there. The bridge has 20, and the stack
 * itself 4.
 */
const CONNECTIONS = 3 * (4 + 2 + 2 + 1) + 20 + 4

/** What the samples say of memory, and of all that might pile up. */
export function judgeSamples(samples: Sample[], pace: Pace): Judgement[] {
  const killEveryMs = 2 * pace.endWorkerEveryMs
  const dead = Math.ceil((CONSUMER_SILENT_MS + pace.endWorkerEveryMs) / killEveryMs)
  return [
    judgeGrowth('memory of the long-lived worker', samples, pace, ({ workerMb }) => workerMb),
    judgeGrowth('memory of the gateway (workerd)', samples, pace, ({ gatewayMb }) => gatewayMb),
    judgeGrowth(
      'memory of the soak script',
      samples,
      pace,
      ({ scriptMb }) => scriptMb,
      GROWTH_OF_SCRIPT,
    ),
    judgeMost(
      'messages in the stream of a family',
      samples,
      ({ messages }) => Math.max(...Object.values(messages)),
      Math.ceil(LONGEST_WAIT_S * MESSAGES_PER_BATCH * pace.rate),
    ),
    judgeMost(
      'messages in the dead letter stream',
      samples,
      ({ deadLetters }) => deadLetters,
      DEAD_LETTERS,
    ),
    judgeMost(
      'consumers of a group',
      samples,
      ({ consumers }) => consumers,
      CONSUMERS_LIVING + dead,
    ),
    judgeMost('pending entries', samples, ({ pending }) => pending, PENDING),
    judgeMost('connections to Postgres', samples, ({ connections }) => connections, CONNECTIONS),
  ]
}

function judgeGrowth(
  what: string,
  samples: Sample[],
  { durationMs }: Pace,
  mbOf: (sample: Sample) => number,
  growth = GROWTH,
): Judgement {
  const halfWindow = (durationMs * WINDOW) / 2
  const around = (middleMs: number) =>
    median(samples.filter(({ atMs }) => Math.abs(atMs - middleMs) <= halfWindow).map(mbOf))
  const third = around(durationMs / 3)
  const end = around(durationMs - halfWindow)
  return {
    what,
    limit: `at the end ≤ ${growth} × that after a third`,
    found: `${third.toFixed(0)} MB, then ${end.toFixed(0)} MB: × ${(end / third).toFixed(2)}`,
    held: third > 0 && end > 0 && end <= growth * third,
  }
}

function judgeMost(
  what: string,
  samples: Sample[],
  countOf: (sample: Sample) => number,
  limit: number,
): Judgement {
  const most = Math.max(...samples.map(countOf))
  return { what, limit: `≤ ${limit}`, found: `${most} at most`, held: most <= limit }
}

/** NaN where there are none. */
export function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) / 2)] ?? Number.NaN
}
