import { demandStreamsEmpty } from '../faults/outcomes.ts'
import { demand, demandAllEndedOnce, type FaultStack } from '../faults/scenario.ts'
import { until } from '../setup/client.ts'
import type { Program } from '../setup/spawn-program.ts'
import type { Done } from './clients.ts'
import type { Judgement } from './judgements.ts'
import type { Load } from './load.ts'
import type { RestlessWorker } from './restless-worker.ts'

/** How long all that is open may take to end when the load has stopped, in ms. */
const ALL_ENDS_MS = 180_000

/** Stops the load, waits until everything has ended, ends the workers, and judges what is left. */
export async function judgeEnd(
  stack: FaultStack,
  load: Load,
  steady: Program,
  restless: RestlessWorker,
): Promise<Judgement[]> {
  const atStarts = await judge('the worker that is ended came up each time', 'always', async () => {
    await restless.leave()
    return `ended ${restless.killed() + restless.drained()} times`
  })
  const atClients = await judge('answers that no client should get', 'none', async () => {
    await load.end()
    const surprises = [...load.done.surprises].map(([what, times]) => `${times} × ${what}`)
    demand(surprises.length === 0, surprises.join('; '))
    return 'none'
  })
  const atTasks = await judge(
    'every accepted task ended exactly once, with one result, in batches that count right',
    'all',
    () => demandAllAcceptedEndedOnce(stack, load.done),
  )
  const atStreams = await judge('messages and pending entries at the end', '0', async () => {
    await demandStreamsEmpty(stack.redisUrl)
    return '0'
  })
  const atExits = await judge('exit codes of workers that were drained', '0', async () => {
    const codes = [...restless.badExits, await restless.stop(), await steady.stop()]
    const bad = codes.filter((code) => code !== 0)
    demand(bad.length === 0, `ended with ${bad}`)
    return '0'
  })
  return [atTasks, atStreams, atClients, atStarts, atExits]
}

/** Does what throws where something does not hold, and judges by that. */
async function judge(what: string, limit: string, look: () => Promise<string>): Promise<Judgement> {
  try {
    return { what, limit, found: await look(), held: true }
  } catch (error) {
    const found = error instanceof Error ? error.message : String(error)
    return { what, limit, found, held: false }
  }
}

async function demandAllAcceptedEndedOnce(stack: FaultStack, { taskIds }: Done): Promise<string> {
  const query = <Row extends Record<string, number>>(text: string, values?: unknown[]) =>
    stack.database.query<Row>(text, values)
  await until(async () => {
    const [row] = await query<{ open: number }>(
      'SELECT count(*)::integer AS open FROM tasks WHERE status NOT IN (1, 2, 4)',
    )
    return row!.open === 0
  }, ALL_ENDS_MS).catch(() => {})
  // It looks at all that is stored, and says of what never ended what it is.
  await demandAllEndedOnce(stack, [], { withinMs: 0 })
  const [lost] = await query<{ tasks: number }>(
    `SELECT count(*)::integer AS tasks FROM unnest($1::uuid[]) AS accepted (id)
     WHERE NOT EXISTS (SELECT FROM tasks WHERE tasks.id = accepted.id)`,
    [taskIds],
  )
  demand(lost!.tasks === 0, `${lost!.tasks} accepted tasks are not stored`)
  const [stored] = await query<Record<string, number>>(
    `SELECT count(*)::integer AS tasks,
       count(*) FILTER (WHERE status = 1)::integer AS answered,
       count(*) FILTER (WHERE status = 2)::integer AS failed,
       count(*) FILTER (WHERE status = 4)::integer AS cancelled,
       coalesce(sum(failures), 0)::integer AS failures,
       coalesce(sum(deaths), 0)::integer AS deaths
     FROM tasks`,
  )
  const { tasks, answered, failed, cancelled, failures, deaths } = stored!
  demand(tasks === taskIds.length, `${tasks} tasks stored, ${taskIds.length} accepted`)
  return (
    `${tasks} tasks: ${answered} answered, ${failed} failed, ${cancelled} cancelled; ` +
    `${failures} calls failed, and ${deaths} were cut off by the death of their worker`
  )
}
