import { setTimeout as pause } from 'node:timers/promises'
import type { SubmitAnswer } from '../../drizzle/contract/http-api.ts'
import { post, until } from '../setup/client.ts'
import { type OwnPostgres, startOwnPostgres } from '../setup/own-services.ts'
import { useServices } from '../setup/use-services.ts'
import { demandHealth } from './demand-health.ts'
import { answerCalls, gate, LEASE_MS, MODEL, startFaultWorker } from './fault-worker.ts'
import { demandAnsweredOnce, demandStreamsEmpty } from './outcomes.ts'
import {
  demand,
  demandAllEndedOnce,
  type FaultStack,
  type Figure,
  onStack,
  type Scenario,
  submitMany,
  tasksOf,
  WAIT_MS,
} from './scenario.ts'
import { underSteadyLoad } from './steady-load.ts'

const LONG_CALLS = 6
const WITH_KEY = { 'Idempotency-Key': 'the-same' }

type Loss = {
  fault: string
  /** Postgres is there again when it resolves. */
  lose(postgres: OwnPostgres, stack: FaultStack, long: boolean): Promise<void>
}

const LOSSES: Loss[] = [
  {
    fault: 'Postgres is restarted under load',
    async lose(postgres) {
      await postgres.stop()
      await postgres.start()
    },
  },
  {
    fault: 'Postgres is killed under load and recovers',
    async lose(postgres) {
      await postgres.kill()
      await postgres.start()
    },
  },
  {
    fault: 'Postgres is stopped for 30 s under load',
    async lose(postgres, stack, long) {
      await postgres.stop()
      await demandHealth(stack, { postgres: 'down', redis: 'up' })
      demandComeAgain(await post(stack.gatewayUrl, { prompt: 'now', model: 'qwen3' }))
      await pause(long ? 30_000 : 5_000)
      await postgres.start()
    },
  },
]

export const scenarios: Scenario[] = [
  ...LOSSES.map(({ fault, lose }) => ({
    fault,
    holds: 'what is accepted is stored, no call is lost or reaped, and work goes on',
    run: ({ long }: { long: boolean }) =>
      onOwnPostgres((stack, postgres) => loseUnderLoad(stack, () => lose(postgres, stack, long))),
  })),
  {
    fault:
      'Postgres is restarted after longer than a lease, and reached late by who has calls (leases only)',
    holds: 'no living call is reaped: all have a lease to renew theirs',
    run: () => onOwnPostgres(restart),
  },
  ...[true, false].map((lock) => ({
    fault: `Postgres stands still for two leases, beside a worker without calls (${lock ? 'session locks watched' : 'leases only'})`,
    holds: 'no living call is reaped when it goes on',
    run: () => onOwnPostgres((stack, postgres) => freeze(stack, postgres, lock)),
  })),
  {
    fault: 'Postgres is lost with the answer to a submit',
    holds: 'the client hears 503, and the same Idempotency-Key finds the batch',
    run: () => onOwnPostgres(loseTheAnswer),
  },
]

async function onOwnPostgres(
  act: (stack: FaultStack, postgres: OwnPostgres) => Promise<Figure[]>,
): Promise<Figure[]> {
  const { redisUrl } = await useServices()
  const postgres = await startOwnPostgres()
  const services = { templateUrl: postgres.url, redisUrl }
  try {
    return await onStack({ services }, (stack) => act(stack, postgres))
  } finally {
    await postgres.end()
  }
}

async function startWorkers({ startWorker, database }: FaultStack): Promise<void> {
  const settings = { LEASE_MS: String(LEASE_MS), DATABASE_DIRECT_URL: database.url }
  await Promise.all([startWorker(settings), startWorker(settings)])
}

/**
 * The one without calls has nothing by which to know that Postgres stood still, and what it asked in
 * the meantime is answered first: nothing arrives that the other sent until it has connected anew.
 */
async function freeze(stack: FaultStack, postgres: OwnPostgres, lock: boolean): Promise<Figure[]> {
  const long = gate()
  const calls = answerCalls(stack, () => long.steps)
  const holder = await startFaultWorker(stack, 'holder', { lock })
  const held = await submitMany(stack, LONG_CALLS, () => ({ prompt: 'long', model: MODEL }))
  await until(() => calls.length === LONG_CALLS, WAIT_MS)
  await startFaultWorker(stack, 'idle', { lock })
  await pause(LEASE_MS * 1.5)

  holder.postgres.hush()
  postgres.freeze()
  await pause(LEASE_MS * 2)
  holder.postgres.open()
  postgres.thaw()

  await pause(LEASE_MS * 3)
  long.open()
  const tasks = await demandAllEndedOnce(stack, held, { extraCalls: 0 })
  demandAnsweredOnce(tasks)
  const deaths = tasks.reduce((sum, task) => sum + task.deaths, 0)
  demand(deaths === 0, `${deaths} deaths were counted`)
  return []
}

/** When it is back all leases have run out, and the one without calls is the first to look at them. */
async function restart(stack: FaultStack, postgres: OwnPostgres): Promise<Figure[]> {
  const long = gate()
  const calls = answerCalls(stack, () => long.steps)
  const holder = await startFaultWorker(stack, 'holder')
  const held = await submitMany(stack, LONG_CALLS, () => ({ prompt: 'long', model: MODEL }))
  await until(() => calls.length === LONG_CALLS, WAIT_MS)
  await startFaultWorker(stack, 'other')
  await pause(LEASE_MS * 1.5)

  holder.postgres.cut()
  await postgres.stop()
  await pause(LEASE_MS * 1.5)
  await postgres.start()
  await pause(LEASE_MS / 2)
  holder.postgres.open()

  await pause(LEASE_MS * 2)
  long.open()
  demandAnsweredOnce(await demandAllEndedOnce(stack, held, { extraCalls: 0 }))
  return []
}

async function loseUnderLoad(stack: FaultStack, lose: () => Promise<void>): Promise<Figure[]> {
  await startWorkers(stack)
  const long = gate('long answer')
  stack.models.answer(({ messages }) =>
    messages[0]!.text === 'long' ? long.steps : [{ text: 'quick answer' }],
  )
  const held = await submitMany(stack, LONG_CALLS, () => ({ prompt: 'long', model: 'qwen3' }))
  await until(() => stack.models.requests.length === LONG_CALLS, WAIT_MS)
  return underSteadyLoad(stack, { perSecond: 10 }, async (load) => {
    // Who has not been in contact for a lease reaps nothing in any case.
    await pause(LEASE_MS * 1.5)

    await lose()
    const back = performance.now()
    const first = await submitUntilAccepted(stack)
    await until(async () => (await tasksOf(stack, [first]))[0]!.status === 1, WAIT_MS)
    const newWorkMs = performance.now() - back

    // Long enough for any worker to take what it thinks nobody holds.
    await pause(LEASE_MS * 2)
    long.open()
    await load.end()
    const accepted = [...held, ...load.accepted, first]
    demandAnsweredOnce(await demandAllEndedOnce(stack, accepted, { extraCalls: 0 }))
    await demandBatches(stack, accepted.length)
    await demandStreamsEmpty(stack.redisUrl)
    return [
      { name: 'new work after Postgres is back', value: newWorkMs / 1000, unit: 's', limit: 5 },
      { name: 'submits that were told to come again', value: load.refused.length, unit: 'submits' },
    ]
  })
}

/** The first that is accepted, tried all the time. */
async function submitUntilAccepted({ gatewayUrl }: FaultStack): Promise<SubmitAnswer> {
  for (;;) {
    const response = await post(gatewayUrl, { prompt: 'new', model: 'qwen3' }, WITH_KEY)
    if (response.status === 202) return (await response.json()) as SubmitAnswer
    demand(response.status === 503, `a submit was answered ${response.status}`)
    await pause(50)
  }
}

/** Every client came again with its key until it was accepted: one batch each, and no other. */
async function demandBatches({ database }: FaultStack, expected: number): Promise<void> {
  const stored = await database.query('SELECT FROM batches')
  demand(stored.length === expected, `${stored.length} batches stored for ${expected} submits`)
}

async function loseTheAnswer(stack: FaultStack, postgres: OwnPostgres): Promise<Figure[]> {
  const submitOnce = () => post(stack.gatewayUrl, { prompt: 'once', model: 'qwen3' }, WITH_KEY)
  // The statement never arrives: nothing is stored.
  stack.sql.down = true
  demandComeAgain(await submitOnce())
  stack.sql.down = false
  await demandBatches(stack, 0)

  // It is carried out, and every answer to it is lost.
  stack.sql.loseAnswers = 3
  demandComeAgain(await submitOnce())
  await demandBatches(stack, 1)
  await postgres.kill()
  demandComeAgain(await submitOnce())
  await postgres.start()

  const response = await submitOnce()
  demand(response.status === 202, `the retry was answered ${response.status}`)
  demand(response.headers.get('idempotent-replayed') === 'true', 'the retry found nothing')
  const found = (await response.json()) as SubmitAnswer
  const [stored] = await stack.database.query<{ id: string }>('SELECT id FROM batches')
  demand(stored?.id === found.batch_id, 'the retry found another batch')
  await demandBatches(stack, 1)
  await startWorkers(stack)
  demandAnsweredOnce(await demandAllEndedOnce(stack, [found], { extraCalls: 0 }))
  return []
}

function demandComeAgain({ status, headers }: Response): void {
  const seconds = Number(headers.get('retry-after'))
  demand(status === 503 && seconds > 0, `a submit was answered ${status}`)
}
