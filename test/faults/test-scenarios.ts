import { describe, test } from 'vitest'
import type { Scenario } from './scenario.ts'

/**
 * Makes a test of each scenario, in its short form. They mostly wait, so those of one file go side
 * by side; one that needs the machine to itself is better in a file of its own.
 */
export function testScenarios(scenarios: Scenario[]): void {
  describe.concurrent('faults', () => {
    for (const { fault, holds, times, run } of scenarios) {
      test(`${fault}: ${holds}`, { timeout: 240_000 }, async () => {
        for (let i = 0; i < (times?.short ?? 1); i++) await run({ long: false })
      })
    }
  })
}
