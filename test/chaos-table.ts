import type { Figure, Scenario } from './faults/scenario.ts'

/** What came of all runs of a scenario. */
export type Outcome = {
  scenario: Scenario
  runs: number
  /** Of the runs in which everything held. */
  figures: Figure[]
  /** Why runs failed; one a failed run. */
  errors: string[]
}

/** Those of one name, together. */
type Measured = {
  name: string
  p50: number
  worst: number
  unit: string
  limit: string
  ok: boolean
}

/** Whether everything held in every run, the limits too. */
export function held(outcome: Outcome): boolean {
  return outcome.errors.length === 0 && measured(outcome).every(({ ok }) => ok)
}

/** A line about an outcome, for the terminal. */
export function summary(outcome: Outcome): string {
  const figures = measured(outcome).map(inWords).join('; ')
  return [held(outcome) ? 'held' : 'FAILED', figures, ...outcome.errors]
    .filter(Boolean)
    .join('\n  ')
}

/** The outcomes as a table in Markdown. */
export function chaosTable(outcomes: Outcome[]): string {
  const head = ['fault', 'must hold', 'runs', 'measured: p50 / worst', 'limit', 'result']
  const rows = outcomes.map((outcome) => {
    const all = measured(outcome)
    const failed = outcome.errors.length
    const result = held(outcome) ? 'held' : failed ? `failed in ${failed} runs` : 'over the limit'
    return [
      outcome.scenario.fault,
      outcome.scenario.holds,
      String(outcome.runs),
      all.map(inWords).join('<br>'),
      all.map(({ limit }) => limit).join('<br>'),
      result,
    ]
  })
  return [head, head.map(() => '---'), ...rows]
    .map((cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`)
    .join('\n')
}

function measured({ figures }: Outcome): Measured[] {
  return [...Map.groupBy(figures, ({ name }) => name)].map(([name, group]) => {
    const values = group.map(({ value }) => value).toSorted((a, b) => a - b)
    const { unit, limit, atLeast } = group[0]!
    const worst = atLeast === undefined ? values.at(-1)! : values[0]!
    return {
      name,
      p50: values[Math.floor((values.length - 1) / 2)]!,
      worst,
      unit,
      limit: limitOf({ limit, atLeast, unit }),
      ok: worst <= (limit ?? Number.POSITIVE_INFINITY) && worst >= (atLeast ?? -Infinity),
    }
  })
}

function limitOf({ limit, atLeast, unit }: Pick<Figure, 'limit' | 'atLeast' | 'unit'>): string {
  if (limit !== undefined) return `≤ ${shown(limit)} ${unit}`
  return atLeast === undefined ? 'none' : `≥ ${shown(atLeast)} ${unit}`
}

function inWords({ name, p50, worst, unit, ok }: Measured): string {
  return `${name}: ${shown(p50)} / ${shown(worst)} ${unit}${ok ? '' : ' (over the limit)'}`
}

/** Figures of one run may be ratios or thousands of ms. */
function shown(value: number): string {
  return value.toLocaleString('en', { maximumFractionDigits: Math.abs(value) < 10 ? 2 : 0 })
}
