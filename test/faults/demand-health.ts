import type { Health } from '../../drizzle/contract/http-api.ts'
import type { Stack } from '../stack.ts'
import { demand } from './scenario.ts'

/** Demands that `/health` says of each service whether it is up. */
export async function demandHealth(
  { gatewayUrl }: Stack,
  expected: { postgres: 'up' | 'down'; redis: 'up' | 'down' },
): Promise<void> {
  const response = await fetch(`${gatewayUrl}/health`)
  const { dependencies } = (await response.json()) as Health
  const { postgres, redis } = dependencies
  const up = expected.postgres === 'up' && expected.redis === 'up'
  demand(
    response.status === (up ? 200 : 503) &&
      postgres.state === expected.postgres &&
      redis.state === expected.redis,
    `/health says ${response.status}, postgres ${postgres.state}, redis ${redis.state}`,
  )
}
