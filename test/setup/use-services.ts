/** The servers that tests run on. */
export type Services = {
  /** A migrated database that nobody connects to: stacks clone it. */
  templateUrl: string
  redisUrl: string
}

let given: Services | undefined

/** Says which servers a script has started for itself; under vitest its global setup says it. */
export function giveServices(services: Services): void {
  given = services
}

/** The servers of this run: of the script, else of vitest. */
export async function useServices(): Promise<Services> {
  if (given) return given
  // It cannot be imported outside a test run.
  const { inject } = await import('vitest')
  return { templateUrl: inject('templateUrl'), redisUrl: inject('redisUrl') }
}
