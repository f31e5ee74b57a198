import { writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'
import { until } from '../setup/client.ts'
import { demandIndexes, documentOf } from './backlog-plans.ts'
import { LEASE_MS } from './fault-worker.ts'
import { fillBacklog } from './fill-backlog.ts'
import { messagesIn } from './outcomes.ts'
import {
  demand,
  demandAllEndedOnce,
  type FaultStack,
  type Figure,
  onStack,
  type Scenario,
  WAIT_MS,
} from './scenario.ts'

const MODELS = ['gemini-2.5-flash', 'deepseek-chat', 'qwen3']
const PLANS = fileURLToPath(new URL('../../docs/plans.md', import.meta.url))

/** How long a drain of many tasks may take where no time is asserted, in ms. */
const DRAIN_WAIT_MS = 180_000

/** Lets a worker that comes late drain a backlog; gives how many tasks a second it ended. */
async function drain(count: number, { analyzed }: { analyzed: boolean }): Promise<number> {
  return onStack({}, async (stack) => {
    const accepted = await fillBacklog(stack, {
      count,
      models: MODELS,
      agoMs: { first: 0, last: 0 },
    })
    if (analyzed) await stack.database.query('ANALYZE')
    await stack.startWorker()
    await until(() => stack.models.requests.length >= count, DRAIN_WAIT_MS)
    const open = 'SELECT FROM tasks WHERE status NOT IN (1, 2, 4) LIMIT 1'
    await until(async () => (await stack.database.query(open)).length === 0, WAIT_MS)
    const tasks = await demandAllEndedOnce(stack, accepted, { extraCalls: 0 })
    demand(
      tasks.every(({ status, attempt }) => status === 1 && attempt === 1),
      'a task that waited was not answered by its first call',
    )
    const [row] = await stack.database.query<{ seconds: number }>(
      `SELECT extract(epoch FROM max(finished_at) - min(started_at))::float8 AS seconds FROM tasks`,
    )
    return count / row!.seconds
  })
}

/** Each twice in the long form, so that neither gains by its place. */
async function compareDrains({ long }: { long: boolean }): Promise<Figure[]> {
  const count = long ? 10_000 : 500
  const rates = { cold: 0, warm: 0 }
  const order = long ? (['cold', 'warm', 'warm', 'cold'] as const) : (['cold', 'warm'] as const)
  for (const kind of order) {
    rates[kind] += (await drain(count, { analyzed: kind === 'warm' })) / (order.length / 2)
  }
  return [
    { name: 'drained, statistics cold', value: rates.cold, unit: 'tasks/s' },
    { name: 'drained, statistics warm', value: rates.warm, unit: 'tasks/s' },
    { name: 'cold to warm', value: (rates.cold / rates.warm) * 100, unit: '%', atLeast: 80 },
  ]
}

const SLOTS = 4
const SWEEPS = 5
/** The rings of a backlog, over so long a time that the first would be lost if age alone counted. */
const AGO_MS = { first: 120_000, last: 30_000 }

/** Holds all calls of a worker, and lets it sweep while everything else waits its turn. */
async function sweepOver(stack: FaultStack, count: number): Promise<Omit<Figure, 'limit'>[]> {
  const { database, models, redisUrl } = stack
  models.answer(() => [{ text: 'begun ' }, { until: new Promise(() => {}) }])
  await fillBacklog(stack, { count, models: MODELS, agoMs: AGO_MS })
  const [before] = await database.query<{ last: string }>(
    'SELECT max(rung_at)::text AS last FROM tasks',
  )
  const redis = new Redis(redisUrl, { protocol: 2 })
  try {
    const postgres = await stack.proxyTo(database.url)
    await stack.startWorker({
      DATABASE_URL: postgres.url,
      WORKER_CONCURRENCY: String(SLOTS),
      LEASE_MS: String(LEASE_MS),
    })
    const taken = SLOTS * MODELS.length
    await until(() => models.requests.length === taken, WAIT_MS)
    const startedAt = performance.now()
    for (let i = 0; i < SWEEPS; i++) {
      // The first statement of a sweep that rings, and the last that ends one.
      for (const statement of ['ring-tasks-if-lost', 'find-next-times']) {
        const held = postgres.holdBefore(statement)
        await held.reached
        held.release()
      }
    }
    const sweptMs = (performance.now() - startedAt) / SWEEPS
    const [again] = await database.query<{ rung: number }>(
      'SELECT count(*)::integer AS rung FROM tasks WHERE rung_at > $1::timestamptz',
      [before!.last],
    )
    demand(again!.rung === 0, `${again!.rung} of ${count} tasks were rung again`)
    const messages = await messagesIn(redis)
    demand(messages === count - taken, `${messages} messages for ${count - taken} tasks`)
    demand(models.requests.length === taken, 'more calls than there are slots')
    return [{ name: 'from one sweep to the next', value: sweptMs, unit: 'ms' }]
  } finally {
    redis.disconnect()
  }
}

export const scenarios: Scenario[] = [
  {
    fault: '10,000 tasks wait, unknown to the statistics, when a worker starts',
    holds: 'all are answered once; cold statistics cost less than a fifth of the speed',
    run: compareDrains,
  },
  {
    fault: '100,000 tasks wait their turn while all slots are taken',
    holds: 'nothing is rung again, and no statement of a sweep reads the whole backlog',
    run: ({ long }) =>
      onStack({}, async (stack) => {
        const count = long ? 100_000 : 20_000
        const figures = await sweepOver(stack, count)
        const cold = await demandIndexes(stack)
        await stack.database.query('ANALYZE')
        const warm = await demandIndexes(stack)
        const all = [
          {
            knowing: 'Statistics cold: nothing was analyzed since the tables were empty',
            plans: cold,
          },
          { knowing: 'Statistics warm: after ANALYZE', plans: warm },
        ]
        if (long) await writeFile(PLANS, documentOf(count, all))
        return figures
      }),
  },
]
