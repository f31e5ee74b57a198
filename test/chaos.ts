import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { chaosTable, type Outcome } from './chaos-table.ts'
import type { Figure, Scenario } from './faults/scenario.ts'
import { startServices } from './setup/services.ts'
import { giveServices } from './setup/use-services.ts'

/** The long form of the fault table: `npm run chaos -- [words of a fault] [--times N]`. */
const FILES = [
  'worker-killed',
  'deaths',
  'worker-frozen',
  'clock-off',
  'gateway-killed',
  'drain',
  'redis-lost',
  'postgres-lost',
  'network-cut',
  'bad-messages',
  'bad-models',
  'many-batches',
  'backlog',
  'slow-family',
]
const REPORT = fileURLToPath(new URL('../docs/chaos.md', import.meta.url))

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { times: { type: 'string' }, to: { type: 'string' } },
})
const word = positionals.join(' ')
const times = values.times === undefined ? undefined : Number(values.times)
if (times !== undefined && !(Number.isInteger(times) && times > 0)) {
  console.error('usage: npm run chaos -- [words of a fault] [--times N] [--to FILE]')
  process.exit(1)
}

const scenarios: Scenario[] = []
for (const file of FILES) {
  const module = await import(`./faults/${file}.ts`)
  scenarios.push(...(module.scenarios as Scenario[]))
}
