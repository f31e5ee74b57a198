import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import type { Outcome } from './chaos-table.ts'
import type { Scenario } from './faults/scenario.ts'

/** An outcome as it lies in the file: the scenario by its fault. */
type Kept = Omit<Outcome, 'scenario'> & { fault: string; measuredAt: string }

/**
 * The outcomes of a run that is made in pieces, in a JSON file: what stands there is not measured again.
 * Without a path nothing is kept.
 */
export class KeptOutcomes {
  private readonly path: string | undefined
  private readonly kept: Kept[]

  constructor(path: string | undefined) {
    this.path = path
    this.kept = path && existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : []
  }

  /** What is known of a scenario, if it was run at least so often. */
  of(scenario: Scenario, times: number): Outcome | undefined {
    const found = this.kept.find(({ fault, runs }) => fault === scenario.fault && runs >= times)
    return found && { scenario, runs: found.runs, figures: found.figures, errors: found.errors }
  }

  add({ scenario, ...measured }: Outcome): void {
    this.kept.push({ fault: scenario.fault, measuredAt: new Date().toISOString(), ...measured })
    if (this.path) writeFileSync(this.path, JSON.stringify(this.kept, null, 1))
  }

  /** The days on which they were measured, first and last. */
  days(): string {
    const days = this.kept.map(({ measuredAt }) => measuredAt.slice(0, 10)).toSorted()
    return days[0] === days.at(-1) ? `${days[0]}` : `${days[0]} to ${days.at(-1)}`
  }
}
