import { join } from 'node:path'
import { secretInFile } from './private-file.ts'
import type { GivenEnvironment } from './read-environment.ts'

/**
 * Who is let in at the local stack: what the user's environment says; without API_KEYS the owner
 * `local`, an operator, by a key of the stack's own; without VISITORS everybody's browser.
 */
export function identities({ environment, dataDir }: GivenEnvironment): Record<string, string> {
  const { API_KEYS, VISITORS = 'on', VISITOR_SECRET } = environment
  const file = keyFile({ environment, dataDir })
  return {
    API_KEYS: file ? `local:${secretInFile(file)}:operator` : API_KEYS!,
    VISITORS,
    VISITOR_SECRET: VISITOR_SECRET ?? secretInFile(join(dataDir, 'visitor-secret')),
  }
}

/** Where the stack's own key lies; undefined where the user's environment names keys. */
export function keyFile({ environment, dataDir }: GivenEnvironment): string | undefined {
  return environment.API_KEYS ? undefined : join(dataDir, 'api-key')
}
