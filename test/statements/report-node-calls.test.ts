import { v7 as uuidv7 } from 'uuid'
import { beforeEach, expect, test } from 'vitest'
import { type NodeCall, reportNodeCalls } from '../../drizzle/statements/report-node-calls.ts'
import { node, nodeRow } from '../setup/node-states.ts'
import { provesOrderOfLocks } from '../setup/opposite-orders.ts'
import { openMoment, race } from '../setup/session.ts'
import { useDatabase } from '../setup/use-database.ts'

const BREAKER = { failures: 3, coolDownMs: 10_000 }
const RECOVERED = [{ family: 'qwen' }]
const database = useDatabase()

beforeEach(async () => {
  await database.query('DELETE FROM gemini_service_nodes')
})

type Told = Omit<NodeCall, 'nodeId'>
const OK: Told = { how: 'ok', restMs: 0, probe: false }
const FAULT: Told = { how: 'fault', restMs: 0, probe: false }
const rest = (restMs: number): Told => ({ how: 'rest', restMs, probe: false })
const asProbe = (told: Told): Told => ({ ...told, probe: true })

function calls(nodeId: string, ...told: Told[]) {
  return reportNodeCalls(
    told.map((one) => ({ nodeId, ...one })),
    BREAKER,
  )
}

/** A node in some state that hears of calls: the families that are returned, and how it then stands. */
async function heard(state: Parameters<typeof node>[1], ...told: Told[]) {
  const moment = await openMoment(database)
  const id = await node(moment, state)
  const families = await moment.run(calls(id, ...told))
  const { status, error_count, retry_in_s } = (await nodeRow(moment, id))!
  await moment.query('ROLLBACK')
  return { families, status, errors: error_count, retryInS: retry_in_s }
}

test('faults in a row are counted, and open the circuit when they are too many', async () => {
  expect(await heard({ errors: 1 }, FAULT)).toEqual({
    families: [],
    status: 'HEALTHY',
    errors: 2,
    retryInS: null,
  })
  expect(await heard({ errors: 2 }, FAULT)).toEqual({
    families: [],
    status: 'OFFLINE',
    errors: 3,
    retryInS: 10,
  })
})

test('a success ends the row of faults', async () => {
  expect(await heard({ errors: 2 }, OK)).toEqual({
    families: [],
    status: 'HEALTHY',
    errors: 0,
    retryInS: null,
  })
})

test('several calls that are told of at once count each, and open the circuit for no longer', async () => {
  expect(await heard({}, FAULT, FAULT)).toMatchObject({ status: 'HEALTHY', errors: 2 })
  expect(await heard({ errors: 2 }, FAULT, FAULT, FAULT)).toMatchObject({
    status: 'OFFLINE',
    errors: 3,
    retryInS: 10,
  })
})

test('a success among them shows that the faults were not in a row', async () => {
  expect(await heard({ errors: 2 }, FAULT, OK, FAULT)).toMatchObject({
    status: 'HEALTHY',
    errors: 0,
  })
})

test('each node hears of its own calls only', async () => {
  const first = await node(database, { errors: 2 })
  const second = await node(database, { errors: 2 })
  const untold = await node(database, { errors: 1 })
  const told = [
    { nodeId: second, ...FAULT },
    { nodeId: first, ...OK },
    { nodeId: uuidv7(), ...FAULT },
  ]
  expect(await database.run(reportNodeCalls(told, BREAKER))).toEqual([])
  expect(await nodeRow(database, first)).toMatchObject({ status: 'HEALTHY', error_count: 0 })
  expect(await nodeRow(database, second)).toMatchObject({ status: 'OFFLINE', error_count: 3 })
  expect(await nodeRow(database, untold)).toMatchObject({ status: 'HEALTHY', error_count: 1 })
})

test('a probe that succeeds closes the circuit, and the family is told', async () => {
  expect(await heard({ status: 'OFFLINE', errors: 7, retryInS: 30 }, asProbe(OK))).toEqual({
    families: RECOVERED,
    status: 'HEALTHY',
    errors: 0,
    retryInS: null,
  })
})

test('each probe that fails keeps the circuit open for twice as long, up to five minutes', async () => {
  const after = async (errors: number) => {
    const state = { status: 'OFFLINE', errors, retryInS: 30 } as const
    const { status, errors: counted, retryInS } = await heard(state, asProbe(FAULT))
    return [status, counted, retryInS]
  }
  expect(await after(3)).toEqual(['OFFLINE', 4, 20])
  expect(await after(4)).toEqual(['OFFLINE', 5, 40])
  expect(await after(6)).toEqual(['OFFLINE', 7, 160])
  expect(await after(7)).toEqual(['OFFLINE', 8, 300])
  expect(await after(5_000)).toEqual(['OFFLINE', 5_001, 300])
})

test('a probe that fails keeps the circuit open that a worker with less patience has opened', async () => {
  expect(await heard({ status: 'OFFLINE', errors: 1, retryInS: 30 }, asProbe(FAULT))).toEqual({
    families: [],
    status: 'OFFLINE',
    errors: 4,
    retryInS: 20,
  })
})

test('while the circuit is open only a probe is heard', async () => {
  const state = { status: 'OFFLINE', errors: 4, retryInS: 30 } as const
  const unchanged = { families: [], ...state }
  expect(await heard(state, OK, OK)).toEqual(unchanged)
  expect(await heard(state, FAULT)).toEqual(unchanged)
  expect(await heard(state, rest(60_000))).toEqual(unchanged)
  expect(await heard(state, OK, asProbe(FAULT), OK)).toMatchObject({ status: 'OFFLINE', errors: 5 })
  expect(await heard(state, FAULT, asProbe(OK), FAULT)).toMatchObject({ status: 'HEALTHY' })
})

test('a node that asks for a rest gets it, the longest that was asked for', async () => {
  expect(await heard({ errors: 1 }, rest(20_000), rest(40_000), rest(5_000))).toEqual({
    families: [],
    status: '429_LIMIT',
    errors: 1,
    retryInS: 40,
  })
})

test('a rest may be asked for in fractions of a millisecond', async () => {
  expect(await heard({}, rest(1_499.6))).toMatchObject({ retryInS: 1.5 })
})

test('a rest is kept while older calls end well, or end badly', async () => {
  const resting = { status: '429_LIMIT', errors: 1, retryInS: 20 } as const
  expect(await heard(resting, OK)).toEqual({ families: [], ...resting, errors: 0 })
  expect(await heard(resting, FAULT)).toEqual({ families: [], ...resting, errors: 2 })
  expect(await heard(resting, rest(5_000))).toEqual({ families: [], ...resting })
  expect(await heard(resting, rest(50_000))).toMatchObject({ status: '429_LIMIT', retryInS: 50 })
})

test('a node that has rested may be called again once a call says so', async () => {
  expect(await heard({ status: '429_LIMIT', errors: 1, retryInS: -1 }, OK)).toEqual({
    families: RECOVERED,
    status: 'HEALTHY',
    errors: 0,
    retryInS: null,
  })
})

test('a rest is kept when the circuit opens meanwhile', async () => {
  const resting = { status: '429_LIMIT', errors: 2, retryInS: 60 } as const
  expect(await heard(resting, FAULT)).toMatchObject({ status: 'OFFLINE', retryInS: 60 })
  expect(await heard({ errors: 2 }, FAULT, rest(60_000))).toMatchObject({
    status: 'OFFLINE',
    retryInS: 60,
  })
  expect(await heard({ ...resting, retryInS: 5 }, FAULT)).toMatchObject({ retryInS: 10 })
})

test('a probe that is asked for a rest closes the circuit, but nobody is told before its end', async () => {
  const open = { status: 'OFFLINE', errors: 4, retryInS: 30 } as const
  expect(await heard(open, asProbe(rest(20_000)))).toEqual({
    families: [],
    status: '429_LIMIT',
    errors: 0,
    retryInS: 20,
  })
})

test('a family is told once, and only when it could not be called before', async () => {
  const open = { status: 'OFFLINE', errors: 3, retryInS: 30 } as const
  const nodes = [await node(database, open), await node(database, open), await node(database)]
  const told = nodes.map((nodeId) => ({ nodeId, ...asProbe(OK) }))
  expect(await database.run(reportNodeCalls(told, BREAKER))).toEqual(RECOVERED)
  expect(await database.run(reportNodeCalls(told, BREAKER))).toEqual([])
})

test('faults that are told of at the same moment are all counted', async () => {
  const id = await node(database, { errors: 1 })
  await race(database, calls(id, FAULT), calls(id, FAULT))
  expect(await nodeRow(database, id)).toMatchObject({ status: 'OFFLINE', error_count: 3 })
})

test('a success that meets the opening of the circuit is not heard any more', async () => {
  const id = await node(database, { errors: 2 })
  await race(database, calls(id, FAULT), calls(id, OK))
  expect(await nodeRow(database, id)).toMatchObject({ status: 'OFFLINE', error_count: 3 })
})

test('reports that name the same nodes in opposite orders do not deadlock', async () => {
  await provesOrderOfLocks(database, {
    tasks: [await node(database), await node(database), await node(database)],
    table: 'gemini_service_nodes',
    statement: (ids) =>
      reportNodeCalls(
        ids.map((nodeId) => ({ nodeId, ...FAULT })),
        BREAKER,
      ),
  })
})

test('a node that says it is busy stays so, whatever its calls say', async () => {
  expect(await heard({ status: 'BUSY', errors: 1 }, OK)).toEqual({
    families: [],
    status: 'BUSY',
    errors: 0,
    retryInS: null,
  })
})
