import type { SubmitAnswer } from '../../drizzle/contract/http-api.ts'
import { submit, until } from '../setup/client.ts'
import { type ModelServer, startModelServer } from '../setup/model-server.ts'
import { startTcpProxy, type TcpProxy } from '../setup/tcp-proxy.ts'
import { type Stack, type StackOptions, startStack } from '../stack.ts'

/** Something measured in one run. `npm run chaos` judges the limits; `npm test` never does. */
export type Figure = {
  name: string
  value: number
  unit: string
  /** The value must not be above this. */
  limit?: number
  /** The value must not be below this. */
  atLeast?: number
}

/** A fault, and what must hold under it. */
export type Scenario = {
  fault: string
  /** What must hold, in one sentence. */
  holds: string
  /** How often each form runs it; once where it is not given. */
  times?: { short: number; long: number }
  /** Mostly waits: the long form may run it several times at once. */
  waits?: true
  /** Does it once on a stack of its own. Throws when an outcome is wrong. */
  run(options: { long: boolean }): Promise<Figure[]>
}

/** A stack with a model server that the scenario rules, and with every end of a task on record. */
export type FaultStack = Stack & {
  models: ModelServer
  /** Starts a proxy, which is closed with the stack. */
  proxyTo(url: string): Promise<TcpProxy>
  /** Aborted when the stack goes down: nothing is to be started on it any more. */
  over: AbortSignal
}

/** How long an outcome may take where no time is asserted, in ms. */
export const WAIT_MS = 60_000

/** Runs something on a stack of its own, by default without workers, and takes the stack down. */
export async function onStack<Result>(
  options: Omit<StackOptions, 'models'>,
  act: (stack: FaultStack) => Promise<Result>,
): Promise<Result> {
  const models = await startModelServer()
  const stack = await startStack({ workers: 0, ...options, models })
  const proxies: TcpProxy[] = []
  async function proxyTo(url: string): Promise<TcpProxy> {
    const proxy = await startTcpProxy(url)
    proxies.push(proxy)
    return proxy
  }
  const over = new AbortController()
  let result: Result
  try {
    await recordEnds(stack)
    result = await act({ ...stack, models, proxyTo, over: over.signal })
  } catch (error) {
    over.abort()
    // What is frozen or cut off would keep the stack from going down.
    await stack.killWorkers()
    await Promise.all(proxies.map((proxy) => proxy.close()))
    await stack.stop().catch(() => {})
    await models.close()
    throw new Error(error instanceof Error ? error.message : String(error), {
      cause: `${error instanceof Error ? error.stack : ''}\n${stack.workerLogs()}`,
    })
  }
  over.abort()
  await stack.stop()
  await Promise.all(proxies.map((proxy) => proxy.close()))
  await models.close()
  return result
}

/** Keeps a row of every write that leaves a task in an end state: there must be one a task. */
async function recordEnds({ database }: Stack): Promise<void> {
  await database.query(`CREATE TABLE ends (task_id uuid NOT NULL, status smallint NOT NULL)`)
  await database.query(`
    CREATE FUNCTION record_end() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      INSERT INTO ends VALUES (NEW.id, NEW.status);
      RETURN NULL;
    END $$`)
  await database.query(`
    CREATE TRIGGER record_end AFTER UPDATE ON tasks
    FOR EACH ROW WHEN (NEW.status IN (1, 2, 4)) EXECUTE FUNCTION record_end()`)
}

/** Submits so many batches at once; `fields` are those of a submit, of a number's own prompt. */
export function submitMany(
  stack: Stack,
  count: number,
  fields: (i: number) => Parameters<typeof submit>[1] = (i) => ({
    prompt: `prompt ${i}`,
    model: 'qwen3',
  }),
): Promise<SubmitAnswer[]> {
  return Promise.all(Array.from({ length: count }, (_, i) => submit(stack.gatewayUrl, fields(i))))
}

/** A task as it is stored, as far as scenarios look at it. */
export type TaskRow = {
  id: string
  batch_id: string
  status: number
  fence: number
  attempt: number
  failures: number
  deaths: number
  child_deaths: number
  worker_id: string | null
  response_text: string | null
  error_code: string | null
}

/** The tasks of these submits, in order. By SQL: a poll through the gateway may wake the workers. */
export async function tasksOf({ database }: Stack, accepted: SubmitAnswer[]): Promise<TaskRow[]> {
  return database.query<TaskRow>(
    `SELECT id, batch_id, status, fence, attempt, failures, deaths, child_deaths, worker_id,
       response_text, error_code
     FROM tasks WHERE id = ANY($1::uuid[]) ORDER BY array_position($1::uuid[], id)`,
    [accepted.flatMap(({ task_ids }) => task_ids)],
  )
}

/** Waits until every accepted task has ended. Throws, with what is left, when that never comes. */
export async function untilAllEnded(
  stack: Stack,
  accepted: SubmitAnswer[],
  withinMs = WAIT_MS,
): Promise<void> {
  const open = async () =>
    (await tasksOf(stack, accepted)).filter(({ status }) => ![1, 2, 4].includes(status))
  await until(async () => (await open()).length === 0, withinMs).catch(async () => {
    const left = await open()
    throw new Error(`${left.length} tasks never ended: ${JSON.stringify(left.slice(0, 3))}`)
  })
}

/**
 * Waits for the end of every accepted task, then demands that each ended exactly once with one
 * stored result, that no task of anyone is open, that the counters of every batch are true, that no
 * partial text of an ended task is to be seen, and that the model got no more calls than there are
 * tasks and `extraCalls`. Gives the tasks.
 */
export async function demandAllEndedOnce(
  stack: Stack & { models?: ModelServer },
  accepted: SubmitAnswer[],
  { extraCalls, withinMs }: { extraCalls?: number; withinMs?: number } = {},
): Promise<TaskRow[]> {
  await untilAllEnded(stack, accepted, withinMs)
  const tasks = await tasksOf(stack, accepted)
  const ids = accepted.flatMap(({ task_ids }) => task_ids)
  demand(tasks.length === ids.length, `${ids.length} tasks accepted, ${tasks.length} stored`)
  for (const [what, query] of Object.entries(MUST_BE_EMPTY)) {
    const rows = await stack.database.query(query)
    demand(rows.length === 0, `${what}: ${JSON.stringify(rows.slice(0, 3))}`)
  }
  const calls = stack.models?.requests.length ?? 0
  if (extraCalls !== undefined) {
    demand(calls <= ids.length + extraCalls, `${calls} model calls for ${ids.length} tasks`)
  }
  return tasks
}

/** What never holds a row once everything has ended. */
const MUST_BE_EMPTY = {
  'tasks still open': 'SELECT id, status, fence FROM tasks WHERE status NOT IN (1, 2, 4)',
  'tasks that did not end exactly once': `
    SELECT tasks.id, count(ends) AS ends FROM tasks LEFT JOIN ends ON ends.task_id = tasks.id
    GROUP BY tasks.id HAVING count(ends) <> 1`,
  'tasks without exactly one result': `
    SELECT id, status FROM tasks
    WHERE CASE status WHEN 1 THEN response_text IS NULL OR error_code IS NOT NULL
                      WHEN 2 THEN error_code IS NULL ELSE false END`,
  'batches with false counters': `
    SELECT b.id, b.total_tasks, b.open_tasks, b.success_tasks, b.failed_tasks, b.cancelled_tasks
    FROM batches b JOIN tasks t ON t.batch_id = b.id GROUP BY b.id
    HAVING (b.total_tasks, b.open_tasks, b.success_tasks, b.failed_tasks, b.cancelled_tasks)
      <> (count(*), 0, count(*) FILTER (WHERE t.status = 1),
          count(*) FILTER (WHERE t.status = 2), count(*) FILTER (WHERE t.status = 4))`,
  'partial texts of ended tasks': `
    SELECT t.id, t.status FROM task_partials p JOIN tasks t ON t.id = p.task_id
    WHERE t.status IN (1, 2, 4) AND p.fence = t.fence`,
}

/** Throws unless it is so. */
export function demand(holds: boolean, otherwise: string): asserts holds {
  if (!holds) throw new Error(otherwise)
}
