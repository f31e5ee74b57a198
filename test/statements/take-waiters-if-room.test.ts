import { beforeEach, expect, test } from 'vitest'
import { claimTasksIfPending } from '../../drizzle/statements/claim-tasks-if-pending.ts'
import { finishTasksIfHeld } from '../../drizzle/statements/finish-tasks-if-held.ts'
import { releaseTasksIfHeld } from '../../drizzle/statements/release-tasks-if-held.ts'
import { takeWaitersIfRoom } from '../../drizzle/statements/take-waiters-if-room.ts'
import { node } from '../setup/node-states.ts'
import { openMoment, openSession } from '../setup/session.ts'
import { claimOf, HOLDER, submitted, success } from '../setup/task-states.ts'
import { useDatabase } from '../setup/use-database.ts'

const MODELS = { qwen: 'qwen3:1.7b', gemini: 'gemini-2.5-flash' }
const database = useDatabase()

beforeEach(async () => {
  await database.query('DELETE FROM conversations')
  await database.query('DELETE FROM gemini_service_nodes')
})

type Family = keyof typeof MODELS

async function claims(ids: string[], nodes: string[], family: Family = 'qwen') {
  return database.run(
    claimTasksIfPending(
      ids.map((id) => claimOf({ id, family })),
      { ...HOLDER, nodes: { ids: nodes, discover: false } },
    ),
  )
}

/** Tasks that were read while the nodes had no room, the first waiting longest. */
async function waiting(count: number, nodes: string[], family: Family = 'qwen') {
  const { tasks } = await submitted(database, Array(count).fill(MODELS[family]))
  const ids = tasks.map(({ id }) => id)
  const verdicts = await claims(ids, nodes, family)
  expect(verdicts.map(({ verdict }) => verdict)).toEqual(Array(count).fill('waiting'))
  for (const [i, id] of ids.entries()) {
    await database.query(
      `UPDATE tasks SET waiting_since = now() - $2 * interval '1 s',
         run_after = run_after - $2 * interval '1 s' WHERE id = $1`,
      [id, count - i],
    )
  }
  return ids
}

const take = (nodes: string[], { most = 50, waitMs = 600_000, families = ['qwen'] } = {}) =>
  takeWaitersIfRoom(
    families.map((family) => ({ family, most })),
    { nodes: { ids: nodes, discover: false }, waitMs },
  )

const taken = (rows: { waiters: { task_id: string }[] }[]) =>
  rows.map(({ waiters }) => waiters.map(({ task_id }) => task_id))

/** A node with so many places, all of them taken; the tasks that hold them. */
async function fullNode(capacity: number) {
  const id = await node(database, { capacity })
  const { tasks } = await submitted(database, Array(capacity).fill(MODELS.qwen))
  const verdicts = await claims(
    tasks.map((task) => task.id),
    [id],
  )
  const held = verdicts.map(({ task }) => ({ taskId: task!.id, fence: task!.fence }))
  return { id, held }
}

test('as many as there is room for are taken, those that were put off first, and are due', async () => {
  const { id, held } = await fullNode(3)
  const ids = await waiting(4, [id])
  expect(await database.run(take([id]))).toEqual([
    { family: 'qwen', room: 0, waits: true, rest_ms: null, waiters: [] },
  ])
  await database.run(finishTasksIfHeld(held.slice(0, 2).map((one) => success(one))))
  expect(await database.run(take([id]))).toEqual([
    {
      family: 'qwen',
      room: 2,
      waits: true,
      rest_ms: null,
      waiters: ids.slice(0, 2).map((task_id) => ({ task_id, fence: 0 })),
    },
  ])
  const due = await claims(ids.slice(0, 2), [id])
  expect(due.map(({ verdict }) => verdict)).toEqual(['claimed', 'claimed'])
})

test('who was taken just now is on its way, and has its place', async () => {
  const { id, held } = await fullNode(2)
  const ids = await waiting(3, [id])
  await database.run(finishTasksIfHeld(held.map((one) => success(one))))
  expect(taken(await database.run(take([id], { most: 1 })))).toEqual([[ids[0]]])
  expect(taken(await database.run(take([id], { most: 1 })))).toEqual([[ids[1]]])
  expect(taken(await database.run(take([id])))).toEqual([[]])
  await database.query("UPDATE tasks SET rung_at = now() - interval '3 s' WHERE id = $1", [ids[0]])
  expect(taken(await database.run(take([id])))).toEqual([[ids[0]]])
})

test('who was put off again goes behind the others, and holds nobody up', async () => {
  const { id, held } = await fullNode(1)
  const [barred, next] = await waiting(2, [id])
  await database.query("UPDATE tasks SET run_after = now() + interval '1 min' WHERE id = $1", [
    barred,
  ])
  await database.run(finishTasksIfHeld([success(held[0]!)]))
  expect(await database.run(take([id]))).toMatchObject([
    { waits: true, waiters: [{ task_id: next }] },
  ])
})

test('no more are taken than the process can run', async () => {
  const { id, held } = await fullNode(3)
  const ids = await waiting(3, [id])
  await database.run(finishTasksIfHeld(held.map((one) => success(one))))
  expect(taken(await database.run(take([id], { most: 1 })))).toEqual([[ids[0]]])
})

test('what has waited for too long is taken without any room', async () => {
  const { id } = await fullNode(1)
  const ids = await waiting(3, [id])
  await database.query(
    "UPDATE tasks SET waiting_since = now() - interval '11 min' WHERE id = ANY ($1)",
    [ids.slice(0, 2)],
  )
  expect(taken(await database.run(take([id])))).toEqual([ids.slice(0, 2)])
})

test('families come in the order asked for, each with its own', async () => {
  const resting = await node(database, { status: '429_LIMIT', retryInS: 60, family: 'gemini' })
  const { id, held } = await fullNode(1)
  const [qwen] = await waiting(1, [id])
  await waiting(1, [resting], 'gemini')
  await database.run(finishTasksIfHeld([success(held[0]!)]))
  const rows = await database.run(take([id, resting], { families: ['gemini', 'qwen'] }))
  expect(rows.map(({ family, room }) => [family, room])).toEqual([
    ['gemini', 0],
    ['qwen', 1],
  ])
  expect(taken(rows)).toEqual([[], [qwen]])
})

test('a node that may be tried has room for one, and one that rests says until when', async () => {
  const moment = await openMoment(database)
  const nodes = [
    await node(moment, { status: 'OFFLINE', errors: 5, retryInS: -1, capacity: 9 }),
    await node(moment, { status: '429_LIMIT', retryInS: 7 }),
    await node(moment, { status: 'OFFLINE', errors: 5, retryInS: 9 }),
    await node(moment, { silentS: 31 }),
    await node(moment, { status: 'BUSY' }),
  ]
  expect(await moment.run(take(nodes))).toEqual([
    { family: 'qwen', room: 1, waits: false, rest_ms: 7_000, waiters: [] },
  ])
})

test('a task that was put off for another reason is not taken', async () => {
  const { id, held } = await fullNode(1)
  await database.run(releaseTasksIfHeld([{ ...held[0]!, because: 'failed', afterMs: 60_000 }]))
  expect(taken(await database.run(take([id])))).toEqual([[]])
})

test('a task that another is dealing with is left to it, and nobody waits', async () => {
  const { id, held } = await fullNode(2)
  const [theirs, mine] = await waiting(2, [id])
  await database.run(finishTasksIfHeld(held.map((one) => success(one))))
  const [other, me] = [await openSession(database), await openSession(database)]
  await other.query('BEGIN')
  await other.query('SELECT FROM tasks WHERE id = $1 FOR UPDATE', [theirs])
  await me.query("SET lock_timeout = '1 s'")
  expect(taken(await me.run(take([id])))).toEqual([[mine]])
  await other.query('COMMIT')
})

test('a finish and a release tell whether somebody waits for the room that they leave', async () => {
  const { id, held } = await fullNode(3)
  expect(await database.run(finishTasksIfHeld([success(held[0]!)]))).toMatchObject([
    { family: 'qwen', node_awaited: false },
  ])
  await claims(
    (await submitted(database, [MODELS.qwen])).tasks.map((task) => task.id),
    [id],
  )
  await waiting(1, [id])
  expect(await database.run(finishTasksIfHeld([success(held[1]!)]))).toMatchObject([
    { node_awaited: true },
  ])
  const release = { ...held[2]!, because: 'drained', afterMs: 0 } as const
  expect(await database.run(releaseTasksIfHeld([release]))).toMatchObject([{ node_awaited: true }])
  await database.run(take([id]))
  const rest = await database.query('SELECT id, fence FROM tasks WHERE status = 3')
  const last = rest.map((row) => ({ taskId: row.id as string, fence: row.fence as number }))
  expect(await database.run(finishTasksIfHeld(last.map((one) => success(one))))).toMatchObject([
    { node_awaited: false },
  ])
})
