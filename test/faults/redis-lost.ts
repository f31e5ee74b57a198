import { setTimeout as pause } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { until } from '../setup/client.ts'
import { type OwnRedis, startOwnRedis } from '../setup/own-services.ts'
import { useServices } from '../setup/use-services.ts'
import { demandHealth } from './demand-health.ts'
import { demandAnsweredOnce, demandStreamsEmpty } from './outcomes.ts'
import {
  demand,
  demandAllEndedOnce,
  type FaultStack,
  onStack,
  type Scenario,
  submitMany,
  tasksOf,
  WAIT_MS,
} from './scenario.ts'
import { underSteadyLoad } from './steady-load.ts'

/** Few, so that most of what was submitted still waits in the stream when Redis is lost. */
const SLOTS = 4
const HELD = 40

type Loss = {
  fault: string
  /** Loses what there is to lose; Redis is there again when it resolves. */
  lose(redis: OwnRedis, stack: FaultStack, long: boolean): Promise<void>
}

const LOSSES: Loss[] = [
  {
    fault: 'Redis is restarted under load, with its file',
    async lose(redis) {
      await redis.stop()
      await redis.start()
    },
  },
  {
    fault: 'Redis is killed under load and started with its file',
    async lose(redis) {
      await redis.kill()
      await redis.start()
    },
  },
  {
    fault: 'Redis is restarted under load, without its file',
    async lose(redis) {
      await redis.stop()
      await redis.loseFile()
      await redis.start()
    },
  },
  {
    fault: 'FLUSHALL under load',
    async lose({ url }) {
      const client = new Redis(url, { protocol: 2 })
      await client.flushall()
      client.disconnect()
    },
  },
  {
    fault: 'Redis is stopped for 30 s under load',
    async lose(redis, stack, long) {
      await redis.stop()
      await demandHealth(stack, { postgres: 'up', redis: 'down' })
      await pause(long ? 30_000 : 5_000)
      await redis.start()
    },
  },
]

export const scenarios: Scenario[] = LOSSES.map(({ fault, lose }) => ({
  fault,
  holds: 'submits are accepted all the while, nothing is lost, and no model is called twice',
  async run({ long }) {
    const { templateUrl } = await useServices()
    const redis = await startOwnRedis()
    const options = {
      services: { templateUrl, redisUrl: redis.url },
      workers: long ? 2 : 1,
      workerSettings: { WORKER_CONCURRENCY: String(SLOTS) },
    }
    try {
      return await onStack(options, (stack) => loseUnderLoad(stack, () => lose(redis, stack, long)))
    } finally {
      await redis.end()
    }
  },
}))

async function loseUnderLoad(stack: FaultStack, lose: () => Promise<void>) {
  const gate = Promise.withResolvers<void>()
  stack.models.answer(() => [{ until: gate.promise }, { text: 'an answer' }])
  const held = await submitMany(stack, HELD)
  await until(() => stack.models.requests.length >= SLOTS, WAIT_MS)
  return underSteadyLoad(stack, { perSecond: 10 }, async (load) => {
    await until(() => load.accepted.length >= 5, WAIT_MS)
    await lose()
    const back = performance.now()
    const before = [...held, ...load.accepted]
    gate.resolve()
    await until(
      async () => (await tasksOf(stack, before)).every(({ status }) => status === 1),
      WAIT_MS,
    )
    const refilledS = (performance.now() - back) / 1000

    await load.end()
    demand(load.refused.length === 0, `${load.refused.length} submits were refused`)
    const accepted = [...held, ...load.accepted]
    demandAnsweredOnce(await demandAllEndedOnce(stack, accepted, { extraCalls: 0 }))
    await demandStreamsEmpty(stack.redisUrl)
    const name = 'all that was accepted before Redis was back has been answered'
    return [{ name, value: refilledS, unit: 's', limit: 30 }]
  })
}
