import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { npmCommand } from './setup/npm-command.ts'
import { startServices } from './setup/services.ts'
import { giveServices } from './setup/use-services.ts'
import { documentOf, judgementLine, minuteLine } from './soak/document.ts'
import { type Run, runSoak } from './soak/run.ts'
import type { Sample } from './soak/samples.ts'

/*
 * `npm run soak [-- --minutes N] [--rate R]`: the whole stack under load for N minutes (30), with R
 * batches a second (4), while one of its two workers is killed and drained again and again. Says
 * once a minute what memory, streams, consumers and connections are at, judges them, and demands
 * that everything ends exactly once. A run of half an hour or more writes docs/soak.md. Ends with 1
 * when something did not hold, or when it was interrupted.
 */

const DOCUMENT = fileURLToPath(new URL('../docs/soak.md', import.meta.url))
/** The shortest run that is told of in the docs. */
const FULL_MINUTES = 30

type Options = { minutes: number; rate: number }

async function main(options: Options): Promise<void> {
  const interrupted = interruption()
  const run = await runOnOwnServices(options, interrupted).catch((error: unknown) => {
    console.error(interrupted.aborted ? 'interrupted; everything is stopped' : error)
    // What was left to itself may still be waiting for something that is gone.
    process.exit(1)
  })
  for (const judgement of run.judgements) console.log(judgementLine(judgement))
  if (options.minutes >= FULL_MINUTES)
    await writeFile(DOCUMENT, documentOf(npmCommand('soak'), run))
  if (!run.judgements.every(({ held }) => held)) process.exitCode = 1
}

async function runOnOwnServices(options: Options, interrupted: AbortSignal): Promise<Run> {
  const { services, stop } = await startServices()
  giveServices(services)
  try {
    return await runSoak(options, interrupted, minuteByMinute())
  } finally {
    await stop()
  }
}

/** Is aborted by the first SIGINT or SIGTERM; more of them change nothing. */
function interruption(): AbortSignal {
  const interrupted = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (!interrupted.signal.aborted) console.log('\nends now')
      interrupted.abort()
    })
  }
  return interrupted.signal
}

/** Prints a line when a minute is over, of all its samples. */
function minuteByMinute(): (sample: Sample) => void {
  let samples: Sample[] = []
  return (sample) => {
    samples.push(sample)
    if (sample.atMs % 60_000 !== 0) return
    console.log(minuteLine(samples))
    samples = []
  }
}

/** Throws, with a sentence, where an option is not known or out of its range. */
function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string', default: '30' },
      rate: { type: 'string', default: '4' },
    },
  })
  const minutes = numberIn('--minutes', values.minutes, 1, 1440)
  if (!Number.isInteger(minutes)) throw new Error('--minutes must be a whole number')
  if (!existsSync('/proc/self/status'))
    throw new Error('the soak reads /proc, which only Linux has')
  return { minutes, rate: numberIn('--rate', values.rate, 0.1, 100) }
}

function numberIn(name: string, text: string, least: number, most: number): number {
  const value = text.trim() === '' ? Number.NaN : Number(text)
  if (value >= least && value <= most) return value
  throw new Error(`${name} must be a number from ${least} to ${most}`)
}

let options: Options | undefined
try {
  options = readOptions()
} catch (error) {
  console.error((error as Error).message)
  process.exitCode = 1
}
if (options) await main(options)
