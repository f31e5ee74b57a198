import { writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { KeptOutcomes } from './chaos-kept.ts'
import { chaosTable, held, type Outcome, summary } from './chaos-table.ts'
import { scenarios as backlog } from './faults/backlog.ts'
import { scenarios as badMessages } from './faults/bad-messages.ts'
import { scenarios as badModels } from './faults/bad-models.ts'
import { scenarios as clockOff } from './faults/clock-off.ts'
import { scenarios as deaths } from './faults/deaths.ts'
import { scenarios as drain } from './faults/drain.ts'
import { scenarios as errorStorm } from './faults/error-storm.ts'
import { scenarios as gatewayKilled } from './faults/gateway-killed.ts'
import { scenarios as manyBatches } from './faults/many-batches.ts'
import { scenarios as networkCut } from './faults/network-cut.ts'
import { scenarios as postgresLost } from './faults/postgres-lost.ts'
import { scenarios as redisLost } from './faults/redis-lost.ts'
import type { Scenario } from './faults/scenario.ts'
import { scenarios as slowFamily } from './faults/slow-family.ts'
import { scenarios as workerFrozen } from './faults/worker-frozen.ts'
import { scenarios as workerKilled } from './faults/worker-killed.ts'
import { npmCommand } from './setup/npm-command.ts'
import { startServices } from './setup/services.ts'
import { giveServices } from './setup/use-services.ts'

/*
 * `npm run chaos [-- word] [--times N] [--beside M] [--keep FILE]`: the fault table in its long form. Runs every
 * scenario, or those that have the word in their fault, as often as each says or N times, and judges
 * outcomes and limits. What mostly waits runs up to M times at once (1), everything else alone. A run of all of them writes its table to
 * docs/chaos.md. It takes over an hour on a quiet machine; with --keep it may be made in pieces: what stands in the file is not measured again. Ends with 1
 * when something did not hold.
 */

const SCENARIOS: Scenario[] = [
  gatewayKilled,
  workerKilled,
  deaths,
  redisLost,
  postgresLost,
  workerFrozen,
  networkCut,
  badMessages,
  badModels,
  clockOff,
  manyBatches,
  backlog,
  slowFamily,
  drain,
  errorStorm,
].flat()

const TABLE = fileURLToPath(new URL('../docs/chaos.md', import.meta.url))

type Options = { times: number | undefined; beside: number; keep: string | undefined }

async function main(word: string, { times, beside, keep }: Options): Promise<void> {
  const chosen = SCENARIOS.filter(({ fault }) => fault.includes(word))
  if (chosen.length === 0) throw new Error(`no fault has ${JSON.stringify(word)} in its name`)
  const { services, stop } = await startServices()
  giveServices(services)
  let interrupted = false
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      interrupted = true
      console.log('\nends after this run')
    })
  }
  const kept = new KeptOutcomes(keep)
  const outcomes: Outcome[] = []
  try {
    for (const [i, scenario] of chosen.entries()) {
      console.log(`${i + 1} of ${chosen.length}: ${scenario.fault}`)
      const wanted = times ?? scenario.times?.long ?? 1
      const known = kept.of(scenario, wanted)
      if (known) {
        outcomes.push(known)
        console.log(`  ${summary(known)}\n  as measured before`)
        continue
      }
      const began = performance.now()
      const outcome = await repeat(scenario, {
        times: wanted,
        atOnce: scenario.waits ? beside : 1,
        isOver: () => interrupted,
      })
      if (interrupted) break
      outcomes.push(outcome)
      kept.add(outcome)
      console.log(`  ${summary(outcome)}`)
      console.log(`  in ${((performance.now() - began) / 1000).toFixed(0)} s`)
    }
  } finally {
    await stop()
  }
  const table = chaosTable(outcomes)
  if (word === '' && !interrupted) await writeFile(TABLE, documentOf(table, kept.days()))
  else console.log(`\n${table}`)
  if (interrupted || !outcomes.every(held)) process.exitCode = 1
}

/** Runs a scenario so many times; a run that fails does not keep the others from running. */
async function repeat(
  scenario: Scenario,
  { times, atOnce, isOver }: { times: number; atOnce: number; isOver(): boolean },
): Promise<Outcome> {
  const outcome: Outcome = { scenario, runs: 0, figures: [], errors: [] }
  async function oneAfterAnother(): Promise<void> {
    while (outcome.runs < times && !isOver()) {
      outcome.runs++
      try {
        outcome.figures.push(...(await scenario.run({ long: true })))
        process.stdout.write('.')
      } catch (error) {
        outcome.errors.push(error instanceof Error ? error.message : String(error))
        console.log('x')
        console.error(error)
      }
    }
  }
  await Promise.all(Array.from({ length: atOnce }, oneAfterAnother))
  process.stdout.write('\n')
  return outcome
}

function documentOf(table: string, days: string): string {
  return `# Chaos

Made by \`${npmCommand('chaos')}\` on ${days}, on a machine with ${availableParallelism()} cores, which Postgres, Redis, the
gateway, the workers and the simulated models shared; where faults ran side by side (--beside), the parts of all of them. "Worst" is the highest figure of all runs, or the lowest where
there is a lower limit. Leases were 5 s where workers are killed, frozen or cut off, and 10 s, the default, everywhere else; a sweep comes at
least once a lease.

${table}
`
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    times: { type: 'string' },
    beside: { type: 'string', default: '1' },
    keep: { type: 'string' },
  },
})
const isCount = (text: string) => /^[1-9]\d{0,2}$/.test(text)
const wrong = (['times', 'beside'] as const).filter((name) => !isCount(values[name] ?? '1'))
if (wrong.length === 0) {
  const times = values.times === undefined ? undefined : Number(values.times)
  await main(positionals.join(' '), { times, beside: Number(values.beside), keep: values.keep })
} else {
  for (const name of wrong) console.error(`--${name} must be a whole number from 1 to 999`)
  process.exitCode = 1
}
