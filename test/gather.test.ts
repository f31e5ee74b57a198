import { afterEach, beforeEach, expect, test } from 'vitest'
import { gather } from '../workers-node/gather.ts'
import { type NativePostgres, openPostgres, PostgresError } from '../workers-node/postgres.ts'
import { openSession, untilWaiting } from './setup/session.ts'
import { submitted } from './setup/task-states.ts'
import { useDatabase } from './setup/use-database.ts'

const database = useDatabase()
let postgres: NativePostgres

beforeEach(() => {
  postgres = openPostgres(database.url, { connections: 1, timeoutMs: 20_000 })
})
afterEach(() => postgres.close())

/** Doubles whole numbers in the database, which refuses what does not fit an integer. */
function doubling(rounds: string[][] = []) {
  return async (items: string[]): Promise<number[]> => {
    rounds.push(items)
    const rows = await postgres.run<{ double: number }>({
      name: 'double',
      text: 'SELECT n::integer * 2 AS double FROM unnest($1::text[]) WITH ORDINALITY AS u (n, i) ORDER BY i',
      params: [items],
    })
    return rows.map(({ double }) => double)
  }
}

/** A `run` whose ends the test decides: it echoes its items. */
function held() {
  const rounds: { items: string[]; end(): void; fail(error: unknown): void }[] = []
  const run = (items: string[]) => {
    const { promise, resolve, reject } = Promise.withResolvers<string[]>()
    rounds.push({ items, end: () => resolve(items), fail: reject })
    return promise
  }
  return { rounds, run }
}

/** Lets everything run that waits for nothing but its turn. */
const turn = () => new Promise((resolve) => setImmediate(resolve))

test('an item goes out at once when nothing is under way', async () => {
  const { rounds, run } = held()
  const send = gather(run)
  const answer = send('a')
  await Promise.resolve()
  await Promise.resolve()
  expect(rounds.map(({ items }) => items)).toEqual([['a']])
  rounds[0]!.end()
  expect(await answer).toBe('a')
})

test('items of the same moment go out together', async () => {
  const rounds: string[][] = []
  const send = gather(doubling(rounds))
  expect(await Promise.all(['1', '2', '3'].map(send))).toEqual([2, 4, 6])
  expect(rounds).toEqual([['1', '2', '3']])
})

test('what comes while a statement runs is gathered, and goes out together after it', async () => {
  const { rounds, run } = held()
  const send = gather(run)
  const answers = [send('a')]
  await turn()
  answers.push(send('b'))
  await turn()
  answers.push(send('c'))
  await turn()
  expect(rounds).toHaveLength(1)
  rounds[0]!.end()
  await turn()
  expect(rounds.map(({ items }) => items)).toEqual([['a'], ['b', 'c']])
  rounds[1]!.end()
  expect(await Promise.all(answers)).toEqual(['a', 'b', 'c'])
})

test('after an idle time an item goes out at once again', { timeout: 5000 }, async () => {
  const send = gather(doubling())
  expect(await send('1')).toBe(2)
  await turn()
  expect(await send('2')).toBe(4)
})

test('no more than 200 go out in one statement', async () => {
  const rounds: string[][] = []
  const send = gather(doubling(rounds))
  const numbers = Array.from({ length: 450 }, (_, i) => String(i))
  expect(await Promise.all(numbers.map(send))).toEqual(numbers.map((n) => Number(n) * 2))
  expect(rounds.map((items) => items.length)).toEqual([200, 200, 50])
})

test('no more than the weight goes out in one statement, but one item always does', async () => {
  const rounds: string[][] = []
  const limits = { items: 3, weight: 4, weigh: (item: string) => item.length }
  const send = gather(doubling(rounds), limits)
  const items = ['11', '22', '3', '444444', '5', '6', '7', '8']
  await Promise.all(items.map(send))
  expect(rounds).toEqual([['11', '22'], ['3'], ['444444'], ['5', '6', '7'], ['8']])
})

test('of a statement with a bad item only that item is rejected, found by halving', async () => {
  const rounds: string[][] = []
  const send = gather(doubling(rounds))
  const items = ['1', '2', '3', '4', '5', '3000000000', '7', '8']
  const ends = await Promise.allSettled(items.map(send))
  expect(ends.map((end) => (end.status === 'fulfilled' ? end.value : end.reason))).toEqual([
    2,
    4,
    6,
    8,
    10,
    expect.objectContaining({ name: 'PostgresError', code: '22003' }),
    14,
    16,
  ])
  expect(rounds.map((round) => round.length)).toEqual([8, 4, 4, 2, 1, 1, 2])
})

test('two bad items are both found', async () => {
  const send = gather(doubling())
  const ends = await Promise.allSettled(['nonsense', '2', '3', '3000000000'].map(send))
  expect(ends.map(({ status }) => status)).toEqual([
    'rejected',
    'fulfilled',
    'fulfilled',
    'rejected',
  ])
})

test('an error that no item is to blame for rejects all of the statement, without halving', async () => {
  const rounds: string[][] = []
  const send = gather(async (items: string[]) => {
    rounds.push(items)
    return postgres.run<number>({ name: 'bad', text: 'SELECT nothing', params: [] })
  })
  const ends = await Promise.allSettled(['1', '2'].map(send))
  expect(ends).toMatchObject([
    { status: 'rejected', reason: { code: '42703' } },
    { status: 'rejected', reason: { code: '42703' } },
  ])
  expect(rounds).toHaveLength(1)
})

test('an error rejects its own statement only: what was gathered meanwhile still goes out', async () => {
  const { rounds, run } = held()
  const send = gather(run)
  const first = send('a')
  await turn()
  const second = send('b')
  rounds[0]!.fail(new PostgresError('08006'))
  await expect(first).rejects.toMatchObject({ code: '08006' })
  await turn()
  rounds[1]!.end()
  expect(await second).toBe('b')
})

test('the door repeats a statement that a deadlock has ended', async () => {
  const { tasks } = await submitted(database, ['qwen3:1.7b', 'qwen3:1.7b', 'qwen3:1.7b'])
  const [a, b, c] = tasks.map(({ id }) => id)
  const [gate, rival] = [await openSession(database), await openSession(database)]
  const [own] = await postgres.run<{ pid: number }>({
    name: 'pid',
    text: "SELECT pg_backend_pid() AS pid, set_config('deadlock_timeout', '10', false)",
    params: [],
  })
  // The rival never looks for a deadlock, so that it is the door that loses.
  await rival.query("SET deadlock_timeout = '1 h'")
  await rival.query('BEGIN')
  await rival.query('SELECT FROM tasks WHERE id = $1 FOR UPDATE', [b])
  await gate.query('BEGIN')
  await gate.query('SELECT FROM tasks WHERE id = $1 FOR UPDATE', [c])

  const before = await deadlocks()
  const locked = postgres.run<{ id: string }>({
    name: 'lock-as-named',
    text: `SELECT id FROM tasks WHERE id = ANY ($1::uuid[])
      ORDER BY array_position($1::uuid[], id) FOR UPDATE`,
    params: [[a, c, b]],
  })
  await untilWaiting(database, { ...gate, pid: own!.pid }, locked)
  const rivals = rival.query('SELECT FROM tasks WHERE id = $1 FOR UPDATE', [a])
  await untilWaiting(database, rival, rivals)
  await gate.query('COMMIT')
  await rivals
  await rival.query('COMMIT')
  expect((await locked).map(({ id }) => id)).toEqual([a, c, b])
  // The repeated statement may be quicker than the rival, and lose once more.
  await expect.poll(deadlocks, { timeout: 5000 }).toBeGreaterThan(before)
})

async function deadlocks(): Promise<number> {
  const [row] = await database.query<{ deadlocks: number }>(
    `SELECT pg_stat_get_db_deadlocks(oid)::int AS deadlocks FROM pg_database
     WHERE datname = current_database()`,
  )
  return row!.deadlocks
}
