import { randomInt } from 'node:crypto'
import { cancelTasksIfOpen } from '../../drizzle/statements/cancel-tasks-if-open.ts'
import {
  type Claim,
  type ClaimedTask,
  claimTasksIfPending,
} from '../../drizzle/statements/claim-tasks-if-pending.ts'
import { finishTasksIfHeld, type Outcome } from '../../drizzle/statements/finish-tasks-if-held.ts'
import { type Release, releaseTasksIfHeld } from '../../drizzle/statements/release-tasks-if-held.ts'
import { renewLeasesIfHeld } from '../../drizzle/statements/renew-leases-if-held.ts'
import { savePartialsIfHeld } from '../../drizzle/statements/save-partials-if-held.ts'
import { submitBatch } from '../../drizzle/statements/submit-batch.ts'
import { gather } from '../../workers-node/gather.ts'
import { type NativePostgres, openPostgres } from '../../workers-node/postgres.ts'
import { newBatch } from '../setup/new-batch.ts'
import { claimOf, failure, HOLDER, success } from '../setup/task-states.ts'
import {
  demand,
  demandAllEndedOnce,
  type FaultStack,
  type Figure,
  onStack,
  type Scenario,
} from './scenario.ts'

const WORKERS = 8
const MODELS = ['qwen3', 'qwen3:1.7b', 'qwen-max', 'qwen-plus']

export const scenarios: Scenario[] = [
  {
    fault: 'eight workers finish tasks of the same 2,000 batches, cancels among them',
    holds: 'no deadlock reaches a caller, each task ends once, and every counter is true',
    run: ({ long }) => onStack({}, (stack) => race(stack, long ? 2000 : 200)),
  },
]

type Batch = ReturnType<typeof newBatch>

/** All that a worker does to its tasks, eight times at once through connections of their own. */
async function race(stack: FaultStack, count: number): Promise<Figure[]> {
  const doors = Array.from({ length: WORKERS + 1 }, () =>
    openPostgres(stack.database.url, { connections: 4, timeoutMs: 60_000 }),
  )
  try {
    const canceller = doors.pop()!
    const batches = await submitAll(doors, count)
    const started = performance.now()
    await Promise.all([
      ...doors.map((door, i) => work(door, `worker-${i}`, sharesOf(batches, i))),
      cancelSome(canceller, batches),
    ])
    const perSecond = (count * MODELS.length) / ((performance.now() - started) / 1000)
    await Promise.all([...doors, canceller].map((door) => door.close()))

    const accepted = batches.map(({ batchId, conversationId, tasks }) => ({
      batch_id: batchId,
      conversation_id: conversationId,
      message: 'Tasks dispatched successfully' as const,
      task_ids: tasks.map(({ id }) => id),
    }))
    const ended = await demandAllEndedOnce(stack, accepted)
    const statuses = new Set(ended.map(({ status }) => status))
    demand(statuses.size === 3, `not all of success, failure and cancel: ${[...statuses]}`)
    const [server] = await stack.database.query<{ deadlocks: number }>(
      'SELECT deadlocks::integer FROM pg_stat_database WHERE datname = current_database()',
    )
    return [
      { name: 'deadlocks in the server', value: server!.deadlocks, unit: 'deadlocks', limit: 0 },
      { name: 'tasks that ended', value: perSecond, unit: 'tasks/s' },
    ]
  } catch (error) {
    await Promise.allSettled(doors.map((door) => door.close()))
    throw error
  }
}

async function submitAll(doors: NativePostgres[], count: number): Promise<Batch[]> {
  const batches = Array.from({ length: count }, () => newBatch(MODELS))
  await Promise.all(batches.map((batch, i) => doors[i % WORKERS]!.run(submitBatch(batch))))
  return batches
}

/** The tasks of one worker, in no order: each batch belongs to four of them. */
function sharesOf(batches: Batch[], worker: number): string[] {
  return shuffled(
    batches.flatMap(({ tasks }, i) =>
      tasks.filter((_, k) => (i + 3 * k) % WORKERS === worker).map(({ id }) => id),
    ),
  )
}

/** Claims, writes, renews, gives some back and takes them again, and finishes, as a worker does. */
async function work(door: NativePostgres, workerId: string, taskIds: string[]): Promise<void> {
  const holder = { ...HOLDER, workerId }
  const claim = gather((claims: Claim[]) => door.run(claimTasksIfPending(claims, holder)))
  const release = gather(async (releases: Release[]) => {
    const rows = await door.run(releaseTasksIfHeld(releases))
    return releases.map(({ taskId }) => rows.find(({ task_id }) => task_id === taskId))
  })
  const finish = gather(async (outcomes: Outcome[]) => {
    await door.run(finishTasksIfHeld(outcomes))
    return outcomes
  })
  const held = new Map<string, ClaimedTask>()
  let working = true

  async function runOne(taskId: string, fence: number): Promise<void> {
    const { task } = await claim(claimOf({ id: taskId }, { fence }))
    // It was cancelled first.
    if (!task) return
    const mine = { taskId, fence: task.fence }
    held.set(taskId, task)
    await door.run(savePartialsIfHeld([{ ...mine, responseText: 'Half', reasoningText: '' }]))
    held.delete(taskId)
    if (task.attempt === 1 && randomInt(4) === 0) {
      const back = await release({ ...mine, because: 'failed', afterMs: 0 })
      if (back) await runOne(taskId, back.fence)
    } else await finish(randomInt(5) === 0 ? failure(mine) : success(mine))
  }
  async function beat(): Promise<void> {
    while (working) {
      const mine = shuffled([...held.values()].map(({ id, fence }) => ({ taskId: id, fence })))
      await door.run(renewLeasesIfHeld(mine, { leaseMs: 60_000, watched: false }))
    }
  }
  async function runAll(): Promise<void> {
    // As many as a worker has slots of a family.
    const queue = [...taskIds]
    const slots = Array.from({ length: 50 }, async () => {
      for (let id = queue.pop(); id !== undefined; id = queue.pop()) await runOne(id, 0)
    })
    await Promise.all(slots)
  }
  const running = runAll().finally(() => {
    working = false
  })
  await Promise.all([running, beat()])
}

/** Cancels one batch in ten as a whole, and tasks of many batches at once. */
async function cancelSome(door: NativePostgres, batches: Batch[]): Promise<void> {
  for (const [i, { batchId, owner }] of shuffled(batches).entries()) {
    if (i % 10 === 0) await door.run(cancelTasksIfOpen(owner, { batchId }))
    if (i % 10 !== 5) continue
    const some = Array.from({ length: 20 }, () => batches[randomInt(batches.length)]!)
    const taskIds = some.map(({ tasks }) => tasks[randomInt(tasks.length)]!.id)
    await door.run(cancelTasksIfOpen(owner, { taskIds }))
  }
}

function shuffled<Item>(items: Item[]): Item[] {
  return items
    .map((item) => ({ item, place: randomInt(2 ** 32) }))
    .toSorted((a, b) => a.place - b.place)
    .map(({ item }) => item)
}
