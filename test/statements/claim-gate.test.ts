import { v7 as uuidv7 } from 'uuid'
import { expect, test } from 'vitest'
import {
  type Claim,
  type ClaimVerdict,
  claimTasksIfPending,
} from '../../drizzle/statements/claim-tasks-if-pending.ts'
import { finishTasksIfHeld } from '../../drizzle/statements/finish-tasks-if-held.ts'
import { type NodeCall, reportNodeCalls } from '../../drizzle/statements/report-node-calls.ts'
import { takeWaitersIfRoom } from '../../drizzle/statements/take-waiters-if-room.ts'
import { node, nodeRow } from '../setup/node-states.ts'
import { provesOrderOfLocks } from '../setup/opposite-orders.ts'
import { openMoment, openSession, race, type Session, untilWaiting } from '../setup/session.ts'
import { claimOf, HOLDER, processing, submitted, success, taskRow } from '../setup/task-states.ts'
import { useDatabase } from '../setup/use-database.ts'

const MODEL = 'qwen3:1.7b'
const database = useDatabase()

const GATE = { probeMs: 30_000, waitMs: 600_000 }
/** A holder that can call these nodes, and no others. */
const calling = (...ids: string[]) => ({ ...HOLDER, gate: GATE, nodes: { ids, discover: false } })
const OPEN = { status: 'OFFLINE', errors: 5, retryInS: 60 } as const
/** Its circuit is open, and it is time to try it. */
const TRIABLE = { status: 'OFFLINE', errors: 5, retryInS: -1 } as const

async function pending(count: number): Promise<string[]> {
  const { tasks } = await submitted(database, Array(count).fill(MODEL))
  return tasks.map(({ id }) => id)
}

function claims(ids: string[], nodeId: string | null, overrides: Partial<Claim> = {}) {
  return claimTasksIfPending(
    ids.map((id) => claimOf({ id }, overrides)),
    nodeId === null ? calling() : calling(nodeId),
  )
}

/** What became of each: its verdict, with what a claim said of its node. */
function ends(verdicts: ClaimVerdict[]): string[] {
  return verdicts.map(({ verdict, task }) => {
    const marks = [task?.probe && 'as probe', task?.hopeless && 'as hopeless']
    return [verdict, ...marks.filter(Boolean)].join(' ')
  })
}

/** When a task may run and since when it waits, in seconds from now; exact within one transaction. */
async function waitOf(session: Session, id: string) {
  const { rows } = await session.query(
    `SELECT status, fence, attempt, rung_at,
       extract(epoch FROM run_after - now())::float8 AS run_in_s,
       extract(epoch FROM waiting_since - now())::float8 AS waiting_in_s
     FROM tasks WHERE id = $1`,
    [id],
  )
  return rows[0]
}

async function waitingSince(secondsAgo: number, ids: string[]) {
  await database.query(
    "UPDATE tasks SET waiting_since = now() - $2 * interval '1 s' WHERE id = ANY ($1)",
    [ids, secondsAgo],
  )
}

test('a healthy node is called, and noted on its task', async () => {
  const [id] = await pending(1)
  const nodeId = await node(database)
  const [verdict] = await database.run(claims([id!], nodeId))
  expect(verdict?.task).toMatchObject({
    node_id: nodeId,
    probe: false,
    hopeless: false,
    node_troubled: false,
  })
  expect(await taskRow(database, id!)).toMatchObject({ status: 3, node_id: nodeId })
  expect(await nodeRow(database, nodeId)).toMatchObject({ status: 'HEALTHY', retry_in_s: null })
})

test('a node that has no row holds nothing up', async () => {
  const [id] = await pending(1)
  const verdicts = await database.run(claims([id!], uuidv7()))
  expect(verdicts[0]).toMatchObject({ room: null, task: { node_id: null, node_troubled: false } })
  expect(ends(verdicts)).toEqual(['claimed'])
})

test('a node with a fault behind it is called, and is to hear of a success', async () => {
  const [id] = await pending(1)
  const nodeId = await node(database, { errors: 1 })
  const verdicts = await database.run(claims([id!], nodeId))
  expect(verdicts[0]?.task).toMatchObject({ node_troubled: true })
  expect(ends(verdicts)).toEqual(['claimed'])
})

test('while the circuit of its node is open a task is put off until it may be tried', async () => {
  const [id] = await pending(1)
  const moment = await openMoment(database)
  const nodeId = await node(moment, OPEN)
  expect(await moment.run(claims([id!], nodeId))).toEqual([
    { verdict: 'waiting', task: null, wait_ms: 60_000, room: 0 },
  ])
  expect(await waitOf(moment, id!)).toEqual({
    status: 0,
    fence: 0,
    attempt: 0,
    rung_at: null,
    run_in_s: 60,
    waiting_in_s: 0,
  })
  expect(await nodeRow(moment, nodeId)).toMatchObject({ status: 'OFFLINE', retry_in_s: 60 })
})

test('a task that is put off again waits since the first time', async () => {
  const [id] = await pending(1)
  const moment = await openMoment(database)
  const nodeId = await node(moment, OPEN)
  await moment.query("UPDATE tasks SET waiting_since = now() - interval '7 s' WHERE id = $1", [id])
  expect(ends(await moment.run(claims([id!], nodeId)))).toEqual(['waiting'])
  expect(await waitOf(moment, id!)).toMatchObject({ run_in_s: 60, waiting_in_s: -7 })
})

test('a node that asked for a rest is left alone until then', async () => {
  const [id] = await pending(1)
  const moment = await openMoment(database)
  const nodeId = await node(moment, { status: '429_LIMIT', retryInS: 20 })
  expect(await moment.run(claims([id!], nodeId))).toEqual([
    { verdict: 'waiting', task: null, wait_ms: 20_000, room: 0 },
  ])
  expect(await waitOf(moment, id!)).toMatchObject({ run_in_s: 20, waiting_in_s: 0 })
})

test('a node that has rested is called by all, and is to hear of a success', async () => {
  const ids = await pending(2)
  const nodeId = await node(database, { status: '429_LIMIT', retryInS: -1 })
  await waitingSince(3_600, ids)
  const verdicts = await database.run(claims(ids, nodeId))
  expect(ends(verdicts)).toEqual(['claimed', 'claimed'])
  expect(verdicts[0]?.task).toMatchObject({ node_troubled: true })
  expect(await taskRow(database, ids[0]!)).toMatchObject({ waiting_since: null })
})

test('once it is time one task alone tries the node, and the others wait for it', async () => {
  const ids = await pending(3)
  const moment = await openMoment(database)
  const [nodeId, other] = [await node(moment, TRIABLE), await node(moment, OPEN)]
  const verdicts = await moment.run(claims(ids, nodeId))
  expect(ends(verdicts)).toEqual(['claimed as probe', 'waiting', 'waiting'])
  expect(verdicts.map(({ wait_ms }) => wait_ms)).toEqual([null, 30_000, 30_000])
  expect(await waitOf(moment, ids[2]!)).toMatchObject({ run_in_s: 30, waiting_in_s: 0 })
  expect(await nodeRow(moment, nodeId)).toEqual({
    status: 'OFFLINE',
    error_count: 5,
    retry_in_s: 30,
  })
  expect(await nodeRow(moment, other)).toMatchObject({ retry_in_s: 60 })
})

test('of two claims at the same moment one alone tries the node', async () => {
  const [one, other] = await pending(2)
  const nodeId = await node(database, TRIABLE)
  const { first, second } = await race(database, claims([one!], nodeId), claims([other!], nodeId))
  expect(ends(first)).toEqual(['claimed as probe'])
  expect(ends(second)).toEqual(['waiting'])
  const [waits] = await database.query(
    `SELECT t.run_after = n.retry_at AND n.retry_at > now() AS for_the_probe
     FROM tasks t, gemini_service_nodes n WHERE t.id = $1 AND n.id = $2`,
    [other, nodeId],
  )
  expect(waits).toEqual({ for_the_probe: true })
})

test('the first that may run tries the node, not the first that is named', async () => {
  const [stale, ...ids] = await pending(3)
  const nodeId = await node(database, TRIABLE)
  await database.query('UPDATE tasks SET fence = 2 WHERE id = $1', [stale])
  const verdicts = await database.run(claims([stale!, ...ids], nodeId))
  expect(ends(verdicts)).toEqual(['stale', 'claimed as probe', 'waiting'])
})

test('each node is tried by a task of its own', async () => {
  const ids = await pending(4)
  const nodes = [await node(database, TRIABLE), await node(database, TRIABLE)]
  const statement = claimTasksIfPending(
    ids.map((id) => claimOf({ id })),
    calling(...nodes),
  )
  const verdicts = await database.run(statement)
  expect(ends(verdicts)).toEqual(['claimed as probe', 'claimed as probe', 'waiting', 'waiting'])
  expect(new Set(verdicts.slice(0, 2).map(({ task }) => task?.node_id))).toEqual(new Set(nodes))
})

test('while one node rests its tasks go to another, and to a node that is to be tried first', async () => {
  const ids = await pending(3)
  const [, healthy, tried] = [
    await node(database, OPEN),
    await node(database),
    await node(database, TRIABLE),
  ]
  const all = await database.query<{ id: string }>(
    'SELECT id FROM gemini_service_nodes ORDER BY created_at DESC, id DESC LIMIT 3',
  )
  const statement = claimTasksIfPending(
    ids.map((id) => claimOf({ id })),
    calling(...all.map(({ id }) => id)),
  )
  const verdicts = await database.run(statement)
  expect(verdicts.map(({ task }) => task?.node_id)).toEqual([tried, healthy, healthy])
  expect(verdicts.map(({ task }) => task?.node_troubled)).toEqual([true, false, false])
  expect(verdicts[0]).toMatchObject({ room: 2, task: { probe: true } })
})

test('a task that has waited for too long is claimed as hopeless', async () => {
  const [late, young] = await pending(2)
  const nodeId = await node(database, OPEN)
  await waitingSince(601, [late!])
  await waitingSince(500, [young!])
  expect(ends(await database.run(claims([late!, young!], nodeId)))).toEqual([
    'claimed as hopeless',
    'waiting',
  ])
  expect(await taskRow(database, late!)).toMatchObject({ status: 3, fence: 1, waiting_since: null })
})

test('of those that have waited for too long one tries the node when it is time', async () => {
  const ids = await pending(2)
  const nodeId = await node(database, TRIABLE)
  await waitingSince(601, ids)
  expect(ends(await database.run(claims(ids, nodeId)))).toEqual([
    'claimed as probe',
    'claimed as hopeless',
  ])
})

test('a node that is off without a time to try it is not tried', async () => {
  const ids = await pending(2)
  const moment = await openMoment(database)
  const nodeId = await node(moment, { status: 'OFFLINE' })
  expect((await moment.run(claims([ids[0]!], nodeId)))[0]).toMatchObject({ wait_ms: 30_000 })
  await moment.query("UPDATE tasks SET waiting_since = now() - interval '1 h' WHERE id = $1", [
    ids[1],
  ])
  const [verdict] = await moment.run(claims([ids[1]!], nodeId))
  expect(verdict?.task).toMatchObject({ hopeless: true, probe: false })
})

test('what could not be claimed anyhow is not put off', async () => {
  const { held } = await processing(database, [MODEL, MODEL])
  await database.run(finishTasksIfHeld([success(held[0])]))
  const [older, newer, notDue, stray] = await pending(4)
  await database.query('UPDATE tasks SET fence = 2 WHERE id = ANY ($1)', [[older, newer]])
  await database.query("UPDATE tasks SET run_after = now() + interval '1 h' WHERE id = $1", [
    notDue,
  ])
  const nodeId = await node(database, OPEN)
  const unchanged = `SELECT id, status, fence, run_after, rung_at, waiting_since FROM tasks
    WHERE id = ANY ($1) ORDER BY id`
  const named = [
    claimOf({ id: held[0].taskId }, { fence: 1 }),
    claimOf({ id: held[1]!.taskId }, { fence: 1 }),
    claimOf({ id: older! }, { fence: 1 }),
    claimOf({ id: newer! }, { fence: 3 }),
    claimOf({ id: notDue! }),
    claimOf({ id: stray!, family: 'gemini' }),
  ]
  const ids = named.map(({ taskId }) => taskId)
  const before = await database.query(unchanged, [ids])
  const verdicts = await database.run(claimTasksIfPending(named, calling(nodeId)))
  expect(ends(verdicts)).toEqual(['stale', 'stale', 'stale', 'future', 'stale', 'stray'])
  expect(verdicts.map(({ wait_ms }) => wait_ms)).toEqual(Array(6).fill(null))
  expect(await database.query(unchanged, [ids])).toEqual(before)
})

test('a doubled message puts its task off once, and the first of the two hears of it', async () => {
  const [id] = await pending(1)
  const nodeId = await node(database, OPEN)
  expect(ends(await database.run(claims([id!, id!], nodeId)))).toEqual(['waiting', 'stale'])
})

test('an unheard claim is handed over though its node may not be called now', async () => {
  const [id] = await pending(1)
  const nodeId = await node(database)
  await database.run(claims([id!], nodeId))
  await database.query(
    "UPDATE gemini_service_nodes SET status = 'OFFLINE', retry_at = now() + interval '1 h' WHERE id = $1",
    [nodeId],
  )
  const verdicts = await database.run(claims([id!], nodeId, { again: true }))
  expect(ends(verdicts)).toEqual(['claimed'])
  expect(verdicts[0]?.task).toMatchObject({ fence: 1, node_troubled: true })
})

test('an unheard claim does not take the place of the one that tries the node', async () => {
  const [unheard, id] = await pending(2)
  const nodeId = await node(database, TRIABLE)
  await database.run(claims([unheard!], null))
  const verdicts = await database.run(claims([unheard!, id!], nodeId, { again: true }))
  expect(ends(verdicts)).toEqual(['claimed', 'claimed as probe'])
  expect(verdicts.map(({ task }) => task?.node_id)).toEqual([null, nodeId])
})

function recovery(nodeId: string) {
  const call: NodeCall = { nodeId, how: 'ok', restMs: 0, probe: true }
  return reportNodeCalls([call], { failures: 5, coolDownMs: 10_000 })
}

test('a claim that meets the recovery of its node waits for it, and then calls the node', async () => {
  const [id] = await pending(1)
  const nodeId = await node(database, OPEN)
  const { second } = await race(database, recovery(nodeId), claims([id!], nodeId))
  expect(ends(second)).toEqual(['claimed'])
})

test('a recovery waits for those who put tasks off, so that none is forgotten', async () => {
  const [id] = await pending(1)
  const nodeId = await node(database, { ...OPEN, capacity: 1_000 })
  const { first, second } = await race(database, claims([id!], nodeId), recovery(nodeId))
  expect(ends(first)).toEqual(['waiting'])
  expect(second).toEqual([{ family: 'qwen' }])
  const nodes = { ids: [nodeId], discover: false }
  const asked = [{ family: 'qwen', most: 1_000 }]
  const [room] = await database.run(takeWaitersIfRoom(asked, { nodes, waitMs: 600_000 }))
  expect(room?.waiters).toContainEqual({ task_id: id, fence: 0 })
})

test('nodes are locked before tasks', async () => {
  const [id] = await pending(1)
  const nodeId = await node(database, OPEN)
  const [reporter, claimer, other] = [
    await openSession(database),
    await openSession(database),
    await openSession(database),
  ]
  await reporter.query('BEGIN')
  await reporter.run(recovery(nodeId))
  const claimed = claimer.run(claims([id!], nodeId))
  await untilWaiting(database, claimer, claimed)
  await other.query('SELECT FROM tasks WHERE id = $1 FOR UPDATE NOWAIT', [id])
  await reporter.query('COMMIT')
  expect(ends(await claimed)).toEqual(['claimed'])
})

test('claims that name the same nodes in opposite orders do not deadlock', async () => {
  const ids = await pending(6)
  const nodes = [await node(database, OPEN), await node(database, OPEN), await node(database, OPEN)]
  await provesOrderOfLocks(database, {
    tasks: nodes,
    table: 'gemini_service_nodes',
    statement: (named) => claimTasksIfPending([claimOf({ id: ids.pop()! })], calling(...named)),
  })
})
