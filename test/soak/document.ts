import { availableParallelism } from 'node:os'
import { type Judgement, median } from './judgements.ts'
import { BAD_MESSAGES_PER_S } from './load.ts'
import type { Run } from './run.ts'
import type { Sample } from './samples.ts'

const MINUTE_MS = 60_000
const COUNT = new Intl.NumberFormat('en')

/** A line about the samples of one minute, for the terminal. */
export function minuteLine(samples: Sample[]): string {
  const [minute, ...cells] = cellsOf(samples)
  return `minute ${minute}: ${cells.map((cell, i) => `${HEAD[i + 1]} ${cell}`).join(', ')}`
}

export function judgementLine({ what, limit, found, held }: Judgement): string {
  return `${held ? 'held' : 'FAILED'}: ${what} (${limit}): ${found}`
}

/** A run as a document in Markdown. `command` is how it was started. */
export function documentOf(command: string, run: Run): string {
  const { pace, samples, judgements, done, killed, drained } = run
  const date = new Date().toISOString().slice(0, 10)
  const minutes = Map.groupBy(samples, minuteOf)
  const n = (count: number) => COUNT.format(count)
  return `# Soak

Made by \`${command}\` on ${date}, on a machine with ${availableParallelism()} cores, which Postgres, Redis, the gateway
(workerd), two workers, the simulated models and the clients shared. The load lasted ${pace.durationMs / MINUTE_MS} minutes: ${pace.rate} batches a second
for one to four tasks each, of all model families. Some models failed: with 500, with 429 and a \`Retry-After\`, by resets
and ends in the middle, with empty answers, garbage and silence. Each second ${BAD_MESSAGES_PER_S} messages that no worker can read were put on the streams.
One worker lived all along. The other was ended every ${Math.round(pace.endWorkerEveryMs / 1000)} s and started again: it was killed ${killed} times and drained ${drained} times.

The minutes are counted from when the gateway had answered 30,000 reads under this load: until then workerd lets the heap of any program grow.

The clients made ${n(done.submits)} submits, ${n(done.laterTurns)} of them for a later turn of a conversation, polled batches ${n(done.polls)} times, read tasks, histories
and lists ${n(done.otherReads)} times, hung up in the middle of ${n(done.hangUps)} requests, and cancelled ${n(done.cancels)} batches.

## Judgements

${table(
  ['what', 'limit', 'found', 'result'],
  judgements.map(({ what, limit, found, held }) => [what, limit, found, held ? 'held' : 'failed']),
)}

Memory is resident memory, in MB of 2^20 bytes. What is compared are medians: of the last tenth of the time, and of as long a time around its first third.
Numbers of entries, consumers and connections are the highest of all samples.

## Minute by minute

Of the samples of each minute (one every 10 s): the median of memory, and the highest number of all else. The worker is the one that lived all along.

${table(HEAD, [...minutes.values()].map(cellsOf))}
`
}

/** Which minute of the run a sample belongs to; the first is 1. */
function minuteOf({ atMs }: Sample): number {
  return Math.ceil(atMs / MINUTE_MS)
}

const HEAD = [
  'minute',
  'worker MB',
  'gateway MB',
  'script MB',
  'messages',
  'dead letters',
  'consumers',
  'pending',
  'connections',
]

function cellsOf(samples: Sample[]): string[] {
  const memory = (mbOf: (sample: Sample) => number) => median(samples.map(mbOf)).toFixed(0)
  const most = (countOf: (sample: Sample) => number) =>
    COUNT.format(Math.max(...samples.map(countOf)))
  return [
    String(minuteOf(samples[0]!)),
    memory(({ workerMb }) => workerMb),
    memory(({ gatewayMb }) => gatewayMb),
    memory(({ scriptMb }) => scriptMb),
    Object.keys(samples[0]!.messages)
      .map((family) => `${family} ${most(({ messages }) => messages[family]!)}`)
      .join(' / '),
    most(({ deadLetters }) => deadLetters),
    most(({ consumers }) => consumers),
    most(({ pending }) => pending),
    most(({ connections }) => connections),
  ]
}

function table(head: string[], rows: string[][]): string {
  return [head, head.map(() => '---'), ...rows]
    .map((cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`)
    .join('\n')
}
