import { type Health, health } from '../../drizzle/contract/http-api.ts'
import { ping } from '../../drizzle/statements/ping.ts'
import { json, type Operation } from '../operation.ts'

export const getHealth: Operation = {
  access: 'public',
  route: {
    method: 'get',
    path: '/health',
    summary: 'Say what is up',
    description: 'Asks Postgres and Redis. It needs no key, and names no host.',
    tags: ['Operations'],
    answers: {
      200: { description: 'All is up.', content: json(health) },
      503: { description: 'Something is down.', content: json(health) },
    },
    errors: [],
  },

  async handle(c) {
    const [postgres, redis] = await Promise.allSettled([
      c.var.postgres.run(ping()),
      c.var.redis.workers(),
    ])
    const answer: Health = {
      status: postgres.status === 'fulfilled' && redis.status === 'fulfilled' ? 'ok' : 'degraded',
      dependencies: { postgres: stateOf(postgres), redis: stateOf(redis) },
      workers: null,
    }
    if (redis.status === 'fulfilled') {
      const families: Record<string, number> = {}
      for (const worker of redis.value) {
        for (const family of worker.families) families[family] = (families[family] ?? 0) + 1
      }
      answer.workers = { heard_of: redis.value.length, families }
    }
    const { INSTANCE_ID } = c.var.settings
    if (INSTANCE_ID) c.header('X-Instance-Id', INSTANCE_ID)
    return c.json(answer, answer.status === 'ok' ? 200 : 503)
  },
}

function stateOf(settled: PromiseSettledResult<unknown>): { state: 'up' | 'down'; code?: string } {
  if (settled.status === 'fulfilled') return { state: 'up' }
  const { code } = settled.reason as { code?: unknown }
  return { state: 'down', code: typeof code === 'string' ? code : 'internal' }
}
