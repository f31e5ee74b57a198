import { setTimeout as pause } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest'
import { claimTasksIfPending } from '../drizzle/statements/claim-tasks-if-pending.ts'
import type { PostgresDoor, Statement } from '../drizzle/statements/statement.ts'
import { consumerName } from '../workers-node/consumer-name.ts'
import { Contact } from '../workers-node/contact.ts'
import { Lookout } from '../workers-node/lookout.ts'
import { NativeRedis } from '../workers-node/redis.ts'
import { until } from './setup/client.ts'
import { takeRedisDatabase } from './setup/redis-database.ts'
import { holdKey, newKey } from './setup/session-locks.ts'
import { claimOf, HOLDER, submitted, taskRow } from './setup/task-states.ts'
import { useDatabase } from './setup/use-database.ts'

const database = useDatabase()
let redis: NativeRedis
let raw: Redis

beforeAll(async () => {
  const url = await takeRedisDatabase()
  redis = await NativeRedis.open(url)
  raw = new Redis(url)
})
beforeEach(async () => {
  await database.query('DELETE FROM conversations')
})
afterAll(() => {
  redis.close()
  raw.disconnect()
})

/** A task that a holder has claimed. */
async function heldBy(workerKey: bigint, { watched }: { watched: boolean }): Promise<string> {
  const { tasks } = await submitted(database, ['qwen3'])
  const holder = { ...HOLDER, workerKey, watched, leaseMs: 1 }
  await database.run(claimTasksIfPending([claimOf(tasks[0]!)], holder))
  return tasks[0]!.id
}

const statusOf = async (id: string) => (await taskRow(database, id, 'status'))?.status

function look(
  contact: Contact,
  {
    leaseMs,
    ownKey,
    consumer = 'lookout',
    postgres = database,
  }: { leaseMs: number; ownKey?: bigint; consumer?: string; postgres?: PostgresDoor },
): Lookout {
  const lookout = new Lookout({
    postgres: contact.through(postgres),
    workPostgres: database,
    redis,
    leaseMs,
    renewMs: 100,
    consumer,
    ownKey: ownKey === undefined ? undefined : String(ownKey),
    contact,
  })
  onTestFinished(() => lookout.stop())
  return lookout
}

test('nothing is taken back before contact has lasted for a lease, and then it is', async () => {
  const id = await heldBy(newKey(), { watched: false })
  const contact = new Contact()
  look(contact, { leaseMs: 1_000 })
  for (let i = 0; i < 30; i++) {
    // Whoever stands still all the time has no contact.
    contact.tick(0)
    await pause(100)
  }
  expect(await statusOf(id)).toBe(3)
  await until(async () => (await statusOf(id)) === 0)
})

test('tasks of a holder without a lock are taken back, but not those of the one who looks', async () => {
  const [ownKey, deadKey] = [newKey(), newKey()]
  const own = await heldBy(ownKey, { watched: true })
  const dead = await heldBy(deadKey, { watched: true })
  // As of two seconds ago: the lease itself goes on all the time.
  const unrenewed = "UPDATE tasks SET lease_expires_at = now() + interval '1 s' WHERE status = 3"
  await database.query(unrenewed)
  const timer = setInterval(() => database.query(unrenewed), 100)
  onTestFinished(() => clearInterval(timer))
  look(new Contact(), { leaseMs: 3_000, ownKey })
  await until(async () => (await statusOf(dead)) === 0)
  expect(await statusOf(own)).toBe(3)
})

test('a holder whose lock is away at one look, and there at the next, keeps its tasks', async () => {
  const [key, leaseMs] = [newKey(), 3_000]
  const id = await heldBy(key, { watched: true })
  let lock = await holdKey(database, key)
  const unrenewed = "UPDATE tasks SET lease_expires_at = now() + interval '1 s' WHERE status = 3"
  const timer = setInterval(() => database.query(unrenewed), 100)
  onTestFinished(() => clearInterval(timer))
  const contact = new Contact()
  let looks = 0
  const postgres = {
    async run<Row>(statement: Statement<Row>) {
      // Only looks count after which it may be taken.
      if (statement.name === 'find-missing-holders' && contact.lastsMs() > leaseMs + 500) {
        if (++looks === 1) await lock.die()
        if (looks === 2) lock = await holdKey(database, key)
      }
      return database.run(statement)
    },
  }
  look(contact, { leaseMs, ownKey: newKey(), postgres })
  await until(() => looks >= 4)
  expect(lock.taken).toBe(true)
  expect(await statusOf(id)).toBe(3)
})

/** A group that nobody has read in. */
async function emptyGroup(): Promise<void> {
  await raw.xgroup('CREATE', 'qwen_stream', 'qwen_group', '$', 'MKSTREAM').catch(() => {})
  await raw.xgroup('DESTROY', 'qwen_stream', 'qwen_group')
  await raw.xgroup('CREATE', 'qwen_stream', 'qwen_group', '$')
}

/** Messages that a reader of this name has read from the stream of Qwen, and not acknowledged. */
async function readBy(reader: string, count: number): Promise<void> {
  for (let i = 0; i < count; i++) await raw.xadd('qwen_stream', '*', 'task_id', `${i}`)
  await raw.xreadgroup('GROUP', 'qwen_group', reader, 'STREAMS', 'qwen_stream', '>')
}

const pendingOf = async (reader: string) =>
  (await raw.xpending('qwen_stream', 'qwen_group', '-', '+', 1000, reader)).length

test('after a wake, what the dead have read and not claimed is put back, what the living have is not', async () => {
  const living = newKey()
  await holdKey(database, living)
  const names = {
    dead: consumerName('a', newKey(), true),
    living: consumerName('b', living, true),
    unwatched: consumerName('c', newKey(), false),
  }
  await heldBy(living, { watched: true })
  await emptyGroup()
  const rung = await raw.xlen('qwen_stream')
  for (const name of Object.values(names)) await readBy(name, 130)
  look(new Contact(), { leaseMs: 60_000, ownKey: newKey() }).wake()
  await until(async () => (await pendingOf(names.dead)) === 0)
  expect(await pendingOf(names.living)).toBe(130)
  expect(await pendingOf(names.unwatched)).toBe(130)
  expect(await raw.xlen('qwen_stream')).toBe(rung + 390)
})

test('whose lock is there at the next look keeps its messages, and the one who looks keeps its own', async () => {
  const [lateKey, ownKey, openKey] = [newKey(), newKey(), newKey()]
  const dead = consumerName('a', newKey(), true)
  const late = consumerName('b', lateKey, true)
  const own = consumerName('c', ownKey, true)
  await holdKey(database, openKey)
  await heldBy(openKey, { watched: true })
  await emptyGroup()
  for (const name of [dead, late, own]) await readBy(name, 3)
  // All are old enough at the first look.
  await pause(1_000)
  let looks = 0
  const postgres = {
    async run<Row>(statement: Statement<Row>) {
      const rows = await database.run(statement)
      if (statement.name === 'find-missing-holders' && ++looks === 1) {
        await holdKey(database, lateKey)
      }
      return rows
    },
  }
  look(new Contact(), { leaseMs: 60_000, ownKey, consumer: own, postgres }).wake()
  await until(async () => (await pendingOf(dead)) === 0)
  await until(() => looks > 3)
  expect(await pendingOf(late)).toBe(3)
  expect(await pendingOf(own)).toBe(3)
})
