import { until } from '../setup/client.ts'
import { fillBacklog } from './fill-backlog.ts'
import { demandDeadLetters } from './outcomes.ts'
import {
  demand,
  demandAllEndedOnce,
  type FaultStack,
  type Figure,
  onStack,
  type Scenario,
} from './scenario.ts'

/** One answers, and beside it another refuses every call: each of those is an error in the log. */
const GOOD = 'gemini-2.5-flash'
const BAD = 'qwen3'
/** How long all of them may take where no time is asserted, in ms. */
const STORM_WAIT_MS = 240_000
const ROWS_A_MINUTE = 600

type Rates = { answered: number; failed: number }

/** So many tasks fail, and half as many others are answered; gives how many of each end a second. */
function storm(count: number, { dbLog }: { dbLog: boolean }): Promise<Rates> {
  return onStack({}, async (stack) => {
    stack.models.answer(({ model }) =>
      model === BAD ? { status: 400, body: { error: { message: 'no' } } } : [{ text: 'answer' }],
    )
    const accepted = await fillBacklog(stack, {
      count: 1.5 * count,
      models: [GOOD, BAD, BAD],
      agoMs: { first: 0, last: 0 },
    })
    const worker = await stack.startWorker({ ENABLE_DB_LOG: String(dbLog) })
    const open = 'SELECT FROM tasks WHERE status NOT IN (1, 2, 4) LIMIT 1'
    await until(async () => (await stack.database.query(open)).length === 0, STORM_WAIT_MS)
    // What waits to be logged is written by the end of its worker at the latest.
    demand((await worker.stop()) === 0, 'the worker did not end as it should')
    const tasks = await demandAllEndedOnce(stack, accepted, { extraCalls: 0 })
    const failed = tasks.filter(({ error_code }) => error_code === 'model_rejected_request')
    const answered = tasks.filter(({ status }) => status === 1)
    demand(failed.length === count && answered.length === count / 2, 'not each ended as it should')
    await demandDeadLetters(stack, failed)
    await demandRows(stack, { dbLog })
    return { answered: await rateOf(stack, GOOD), failed: await rateOf(stack, BAD) }
  })
}

/** Demands that errors were logged within the limit where that was asked for, and else none. */
async function demandRows({ database }: FaultStack, { dbLog }: { dbLog: boolean }): Promise<void> {
  const [row] = await database.query<{ most: number | null }>(
    `SELECT max(rows)::integer AS most FROM (
       SELECT count(*) OVER (ORDER BY created_at RANGE '1 min' PRECEDING) AS rows FROM sys_logs
     ) minute`,
  )
  const most = row!.most ?? 0
  const asAsked = dbLog ? most > 0 && most <= ROWS_A_MINUTE : most === 0
  demand(asAsked, `${most} rows in a minute, where ENABLE_DB_LOG is ${dbLog}`)
}

async function rateOf({ database }: FaultStack, model: string): Promise<number> {
  const [row] = await database.query<{ rate: number }>(
    `SELECT (count(*) / extract(epoch FROM max(finished_at) - min(started_at)))::float8 AS rate
     FROM tasks WHERE model = $1`,
    [model],
  )
  return row!.rate
}

/** Each twice in the long form, so that neither gains by its place. */
async function compare({ long }: { long: boolean }): Promise<Figure[]> {
  const count = long ? 10_000 : 800
  const order = long ? [false, true, true, false] : [false, true]
  const rates = new Map([false, true].map((dbLog) => [dbLog, { answered: 0, failed: 0 }]))
  for (const dbLog of order) {
    const { answered, failed } = await storm(count, { dbLog })
    const sum = rates.get(dbLog)!
    sum.answered += answered / (order.length / 2)
    sum.failed += failed / (order.length / 2)
  }
  const [without, logged] = [rates.get(false)!, rates.get(true)!]
  return [
    {
      name: 'failures, logged to the database',
      value: logged.failed * 60,
      unit: 'a minute',
      atLeast: 10_000,
    },
    { name: 'answers beside them, logged', value: logged.answered, unit: 'tasks/s' },
    { name: 'answers beside them, not logged', value: without.answered, unit: 'tasks/s' },
    {
      name: 'logged to not logged',
      value: (logged.answered / without.answered) * 100,
      unit: '%',
      atLeast: 90,
    },
  ]
}

export const scenarios: Scenario[] = [
  {
    fault: '10,000 tasks fail within a minute, and each failure is an error in the log',
    holds:
      'sys_logs gets 600 rows a minute at most, and the others are answered as fast as without',
    run: compare,
  },
]
