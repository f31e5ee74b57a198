import { expect, test } from 'vitest'
import {
  type ClaimVerdict,
  claimTasksIfPending,
} from '../../drizzle/statements/claim-tasks-if-pending.ts'
import { finishTasksIfHeld } from '../../drizzle/statements/finish-tasks-if-held.ts'
import { releaseTasksIfHeld } from '../../drizzle/statements/release-tasks-if-held.ts'
import { type NewBatch, submitBatch } from '../../drizzle/statements/submit-batch.ts'
import { newBatch } from '../setup/new-batch.ts'
import { node } from '../setup/node-states.ts'
import { openMoment, openSession, untilWaiting } from '../setup/session.ts'
import { claimOf, HOLDER, next, submitted, success } from '../setup/task-states.ts'
import { useDatabase } from '../setup/use-database.ts'

const MODEL = 'qwen3:1.7b'
const database = useDatabase()

const calling = (ids: string[], discover = false) => ({ ...HOLDER, nodes: { ids, discover } })
type Task = { id: string; fence?: number }
const claim = (tasks: Task[], ids: string[], discover = false) =>
  claimTasksIfPending(
    tasks.map(({ id, fence = 0 }) => claimOf({ id }, { fence })),
    calling(ids, discover),
  )

async function tasks(count: number): Promise<Task[]> {
  return (await submitted(database, Array(count).fill(MODEL))).tasks
}

/** One call to each of several conversations. */
async function firstTurns(count: number): Promise<NewBatch[]> {
  return Promise.all(Array.from({ length: count }, () => submitted(database, [MODEL])))
}

async function slots(overrides: Partial<NewBatch> = {}): Promise<NewBatch> {
  const batch = newBatch([MODEL, MODEL], overrides)
  const doubled = { ...batch, tasks: batch.tasks.map((task, slot) => ({ ...task, slot })) }
  await database.run(submitBatch(doubled))
  return doubled
}

const nodesOf = (verdicts: ClaimVerdict[]) => verdicts.map(({ task }) => task?.node_id)
const ends = (verdicts: ClaimVerdict[]) => verdicts.map(({ verdict }) => verdict)
const counts = (ids: unknown[]) =>
  Object.fromEntries([...Map.groupBy(ids, String)].map(([id, group]) => [id, group.length]))

async function finished(verdicts: ClaimVerdict[]) {
  const held = verdicts.flatMap(({ task }) =>
    task ? [{ taskId: task.id, fence: task.fence }] : [],
  )
  await database.run(finishTasksIfHeld(held.map((one) => success(one))))
}

test('a node takes no more tasks than its capacity, and the others wait', async () => {
  const id = await node(database, { capacity: 2 })
  const verdicts = await database.run(claim(await tasks(3), [id]))
  expect(ends(verdicts)).toEqual(['claimed', 'claimed', 'waiting'])
  expect(verdicts.map(({ room }) => room)).toEqual([0, 0, 0])
  expect(ends(await database.run(claim(await tasks(1), [id])))).toEqual(['waiting'])
})

test('a claim tells how much room it has left, by family', async () => {
  const ids = [await node(database, { capacity: 3 }), await node(database, { capacity: 4 })]
  await node(database, { capacity: 9 })
  const [verdict] = await database.run(claim(await tasks(1), ids))
  expect(verdict).toMatchObject({
    room: 6,
    task: { node_url: `http://node/${verdict?.task?.node_id}` },
  })
})

test('a place is free again when its task has ended, was handed back, or was taken back', async () => {
  const id = await node(database, { capacity: 1 })
  const first = await database.run(claim(await tasks(1), [id]))
  await finished(first)
  const second = await database.run(claim(await tasks(1), [id]))
  expect(ends(second)).toEqual(['claimed'])
  const { id: taskId, fence } = second[0]!.task!
  await database.run(releaseTasksIfHeld([{ taskId, fence, because: 'drained', afterMs: 0 }]))
  expect(ends(await database.run(claim(await tasks(1), [id])))).toEqual(['claimed'])
})

test('of two claims at the same moment one alone gets the last place', async () => {
  const id = await node(database, { capacity: 1 })
  const [one, other] = await tasks(2)
  const [first, second] = [await openSession(database), await openSession(database)]
  await first.query('BEGIN')
  expect(ends(await first.run(claim([one!], [id])))).toEqual(['claimed'])
  const waits = second.run(claim([other!], [id]))
  await untilWaiting(database, second, waits)
  await first.query('COMMIT')
  expect(ends(await waits)).toEqual(['waiting'])
})

test('the least loaded node is chosen, by weight', async () => {
  const [light, heavy] = [
    await node(database, { capacity: 100 }),
    await node(database, { capacity: 100, weight: 2 }),
  ]
  const verdicts = await database.run(claim(await firstTurnTasks(30), [light, heavy]))
  expect(counts(nodesOf(verdicts))).toEqual({ [light]: 10, [heavy]: 20 })
})

test('nodes without load take new conversations in turn, by weight', async () => {
  const ids = [await node(database), await node(database, { weight: 2 })]
  const given: unknown[] = []
  for (const { tasks } of await firstTurns(9)) {
    const verdicts = await database.run(claim(tasks, ids))
    given.push(...nodesOf(verdicts))
    await finished(verdicts)
  }
  expect(counts(given)).toEqual({ [ids[0]!]: 3, [ids[1]!]: 6 })
})

test('a node that was away does not catch up on the turns that it has missed', async () => {
  const [old, fresh] = [await node(database), await node(database)]
  await database.query('UPDATE gemini_service_nodes SET pass = 1000 WHERE id = $1', [old])
  const given: unknown[] = []
  for (const { tasks } of await firstTurns(6)) {
    const verdicts = await database.run(claim(tasks, [old, fresh]))
    given.push(...nodesOf(verdicts))
    await finished(verdicts)
  }
  expect(counts(given)).toEqual({ [old]: 3, [fresh]: 3 })
})

test('a conversation stays with its node, whatever the load', async () => {
  const ids = [await node(database), await node(database)]
  const batch = await submitted(database, [MODEL])
  const first = await database.run(claim(batch.tasks, ids))
  const home = first[0]!.task!.node_id!
  const [other] = ids.filter((id) => id !== home)
  expect(
    await database.query('SELECT * FROM conversation_routes WHERE conversation_id = $1', [
      batch.conversationId,
    ]),
  ).toMatchObject([{ family: 'qwen', slot: 0, node_id: home }])
  await database.run(claim(await tasks(1), [home]))
  const again = await submitted(database, [MODEL], next(batch))
  expect(nodesOf(await database.run(claim(again.tasks, ids)))).toEqual([home])
  expect(other).toBeDefined()
})

test('a conversation whose node is full, rests or is silent goes to another, and stays there', async () => {
  const [a, b] = [await node(database, { capacity: 1 }), await node(database)]
  const batch = await submitted(database, [MODEL])
  expect(nodesOf(await database.run(claim(batch.tasks, [a])))).toEqual([a])
  const second = await submitted(database, [MODEL], next(batch))
  const moved = await database.run(claim(second.tasks, [a, b]))
  expect(nodesOf(moved)).toEqual([b])
  await finished(moved)
  await database.query(
    "UPDATE tasks SET status = 2, lease_expires_at = NULL, finished_at = now(), error_code = 'internal', error_msg = 'x' WHERE node_id = $1",
    [a],
  )
  const third = await submitted(database, [MODEL], next(batch))
  expect(nodesOf(await database.run(claim(third.tasks, [a, b])))).toEqual([b])
})

test('each slot of a conversation has a route of its own', async () => {
  const ids = [await node(database), await node(database)]
  const batch = await slots()
  const first = nodesOf(await database.run(claim(batch.tasks, ids)))
  for (const slot of [1, 0]) {
    const again = newBatch([MODEL], next(batch))
    await database.run(submitBatch({ ...again, tasks: [{ ...again.tasks[0]!, slot }] }))
    expect(nodesOf(await database.run(claim(again.tasks, ids)))).toEqual([first[slot]])
  }
})

test('two slots of one batch go to different nodes, in one claim or in two', async () => {
  const ids = [await node(database), await node(database, { weight: 100 })]
  const together = await slots()
  expect(new Set(nodesOf(await database.run(claim(together.tasks, ids))))).toEqual(new Set(ids))
  const apart = await slots()
  const first = nodesOf(await database.run(claim([apart.tasks[0]!], ids)))
  const second = nodesOf(await database.run(claim([apart.tasks[1]!], ids)))
  expect(new Set([...first, ...second])).toEqual(new Set(ids))
})

test('the other slot counts for more than the route of the conversation', async () => {
  const ids = [await node(database), await node(database)]
  const batch = await slots()
  const [home] = nodesOf(await database.run(claim([batch.tasks[0]!], ids)))
  await database.query(
    'INSERT INTO conversation_routes (conversation_id, family, slot, node_id) VALUES ($1, $2, 1, $3)',
    [batch.conversationId, 'qwen', home],
  )
  const [other] = nodesOf(await database.run(claim([batch.tasks[1]!], ids)))
  expect(other).not.toBe(home)
})

test('where the only other healthy node is full the second slot waits', async () => {
  const ids = [await node(database), await node(database, { capacity: 1 })]
  await database.run(claim(await tasks(1), [ids[1]!]))
  const { tasks: both } = await slots()
  const verdicts = await database.run(claim(both, ids))
  expect(ends(verdicts)).toEqual(['claimed', 'waiting'])
})

test('where there is no other healthy node both slots share one', async () => {
  const ids = [await node(database), await node(database, { status: '429_LIMIT', retryInS: 60 })]
  const { tasks: both } = await slots()
  expect(nodesOf(await database.run(claim(both, ids)))).toEqual([ids[0], ids[0]])
})

test('a task that failed at a node is tried at another where there is one', async () => {
  const ids = [await node(database), await node(database)]
  const batch = await submitted(database, [MODEL])
  const [{ task } = { task: null }] = await database.run(claim(batch.tasks, ids))
  const held = { taskId: task!.id, fence: task!.fence }
  await database.run(releaseTasksIfHeld([{ ...held, because: 'failed', afterMs: 0 }]))
  const again = await database.run(claim([{ id: held.taskId, fence: 2 }], ids))
  expect(again[0]?.task?.node_id).not.toBe(task!.node_id)
  const alone = await submitted(database, [MODEL])
  const [first] = await database.run(claim(alone.tasks, [ids[0]!]))
  const kept = { taskId: first!.task!.id, fence: 1 }
  await database.run(releaseTasksIfHeld([{ ...kept, because: 'failed', afterMs: 0 }]))
  expect(nodesOf(await database.run(claim([{ id: kept.taskId, fence: 2 }], [ids[0]!])))).toEqual([
    ids[0],
  ])
})

test('a node that has been silent for 30 s is not called until it is heard of again', async () => {
  const all = await tasks(3)
  const moment = await openMoment(database)
  const silent = await node(moment, { silentS: 31 })
  const heard = await node(moment, { silentS: 29 })
  expect(nodesOf(await moment.run(claim([all[0]!], [silent, heard])))).toEqual([heard])
  expect(await moment.run(claim([all[1]!], [silent]))).toMatchObject([
    { verdict: 'waiting', wait_ms: 10_000, room: 0 },
  ])
  await moment.query('UPDATE gemini_service_nodes SET last_heartbeat_at = now() WHERE id = $1', [
    silent,
  ])
  expect(nodesOf(await moment.run(claim([all[2]!], [silent])))).toEqual([silent])
})

test('a node that says it is busy is not called', async () => {
  const [busy, free] = [await node(database, { status: 'BUSY' }), await node(database)]
  expect(nodesOf(await database.run(claim(await tasks(1), [busy, free])))).toEqual([free])
  expect(ends(await database.run(claim(await tasks(1), [busy])))).toEqual(['waiting'])
})

test('nodes that register themselves are called by who discovers, and by nobody else', async () => {
  const foreign = await node(database)
  const self = await node(database, { selfRegistered: true })
  expect(nodesOf(await database.run(claim(await tasks(1), [])))).toEqual([null])
  expect(nodesOf(await database.run(claim(await tasks(1), [], true)))).toEqual([self])
  expect(foreign).toBeDefined()
  await database.query('DELETE FROM gemini_service_nodes')
  expect(await database.run(claim(await tasks(1), [], true))).toMatchObject([
    { verdict: 'waiting', wait_ms: 10_000, room: 0 },
  ])
})

test('a node of another family is never chosen', async () => {
  const ids = [await node(database, { family: 'gemini' }), await node(database, { status: 'BUSY' })]
  const { tasks: asked } = await submitted(database, [MODEL, 'gemini-2.5-flash'])
  const statement = claimTasksIfPending(
    asked.map((task) => claimOf(task)),
    calling(ids),
  )
  const verdicts = await database.run(statement)
  expect(ends(verdicts)).toEqual(['waiting', 'claimed'])
  expect(verdicts.map(({ room }) => room)).toEqual([0, 3])
})

test('a task that waits for room is put off for half a minute, and keeps its place', async () => {
  const [one, other] = await tasks(2)
  const moment = await openMoment(database)
  const full = await node(moment, { capacity: 1 })
  await moment.run(claim([one!], [full]))
  expect(await moment.run(claim([other!], [full]))).toMatchObject([{ wait_ms: 30_000 }])
  const { rows } = await moment.query(
    'SELECT status, fence, waiting_since = now() AS since_now FROM tasks WHERE id = $1',
    [other!.id],
  )
  expect(rows).toEqual([{ status: 0, fence: 0, since_now: true }])
})

async function firstTurnTasks(count: number): Promise<Task[]> {
  return (await firstTurns(count)).flatMap(({ tasks }) => tasks)
}
