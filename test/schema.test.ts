import { getTableConfig, PgDialect, type PgTable } from 'drizzle-orm/pg-core'
import { v7 as uuidv7 } from 'uuid'
import { beforeAll, expect, test } from 'vitest'
import * as schema from '../drizzle/schema.ts'
import { processing, submitted } from './setup/task-states.ts'
import { useDatabase } from './setup/use-database.ts'

const MODELS = ['qwen3:1.7b', 'qwen3:1.7b']
const CHECK_VIOLATION = '23514'
const database = useDatabase()

let batchId: string
let pendingId: string
let heldId: string

beforeAll(async () => {
  const pending = await submitted(database, MODELS)
  batchId = pending.batchId
  pendingId = pending.tasks[0]!.id
  heldId = (await processing(database, MODELS)).held[0].taskId
})

const batchWith = (assignments: string) => () =>
  [`UPDATE batches SET ${assignments} WHERE id = $1`, [batchId]] as const
const pendingWith = (assignments: string) => () =>
  [`UPDATE tasks SET ${assignments} WHERE id = $1`, [pendingId]] as const
const heldWith = (assignments: string) => () =>
  [`UPDATE tasks SET ${assignments} WHERE id = $1`, [heldId]] as const
const deadLetter = (kind: string, payload: string) => () =>
  [
    `INSERT INTO dead_letters (id, kind, source, original_id, payload, error_code, error_msg)
     VALUES ($1, $2, 'qwen_stream', '1-0', $3, 'code', 'message')`,
    [uuidv7(), kind, payload],
  ] as const
const nodeWith =
  ({ capacity = 1, weight = 1, status = 'HEALTHY' }) =>
  () =>
    [
      `INSERT INTO gemini_service_nodes (id, family, url, kind, capacity, weight, status)
     VALUES ($1, 'gemini', 'http://node', 'kind', $2, $3, $4)`,
      [uuidv7(), capacity, weight, status],
    ] as const

const ENDED = 'lease_expires_at = NULL, finished_at = now()'

/** Every CHECK constraint, each with rows that it must refuse. */
const REFUSED: Record<string, Record<string, () => readonly [string, readonly unknown[]]>> = {
  batches_mode: { 'a mode that there is not': batchWith("mode = 'sound'") },
  batches_counters: {
    'no task at all': batchWith('total_tasks = 0, open_tasks = 0, finished_at = now()'),
    'fewer counted than there are': batchWith('open_tasks = 1'),
    'more counted than there are': batchWith('success_tasks = 1'),
    'less than none open': batchWith('open_tasks = -1, success_tasks = 3'),
    'less than no success': batchWith('open_tasks = 3, success_tasks = -1'),
    'less than no failure': batchWith('open_tasks = 3, failed_tasks = -1'),
    'less than none cancelled': batchWith('open_tasks = 3, cancelled_tasks = -1'),
  },
  batches_finished_when_none_open: {
    'finished while tasks are open': batchWith('finished_at = now()'),
    'no time of ending when none is open': batchWith('open_tasks = 0, success_tasks = 2'),
  },
  tasks_status: { 'a status that there is not': pendingWith('status = 5') },
  tasks_counters: {
    'a fence below 0': pendingWith('fence = -1'),
    'failures below 0': pendingWith('failures = -1'),
    'deaths below 0': pendingWith('deaths = -1'),
    'more deaths of its own process than deaths': pendingWith('child_deaths = 1'),
    'deaths of its own process below 0': pendingWith('child_deaths = -1'),
    'an attempt below 0': pendingWith('attempt = -1'),
  },
  tasks_held_while_processing: {
    'PENDING with a lease': pendingWith('lease_expires_at = now()'),
    'PROCESSING without a lease': heldWith('lease_expires_at = NULL'),
    'PROCESSING by nobody': heldWith('worker_id = NULL'),
    'PROCESSING without the key of its worker': heldWith('worker_key = NULL'),
    'PROCESSING and never started': heldWith('started_at = NULL'),
    'ended with a lease': heldWith("status = 1, finished_at = now(), response_text = 'A'"),
  },
  tasks_finished_when_ended: {
    'PENDING with a time of ending': pendingWith('finished_at = now()'),
    'PROCESSING with a time of ending': heldWith('finished_at = now()'),
    'SUCCESS without one': heldWith("status = 1, lease_expires_at = NULL, response_text = 'A'"),
    'FAILED without one': heldWith(
      "status = 2, lease_expires_at = NULL, error_code = 'code', error_msg = 'message'",
    ),
    'CANCELLED without one': pendingWith('status = 4'),
  },
  tasks_success_has_answer: { 'SUCCESS without an answer': heldWith(`status = 1, ${ENDED}`) },
  tasks_failed_has_reason: {
    'FAILED without a code': heldWith(`status = 2, ${ENDED}, error_msg = 'message'`),
    'FAILED without a message': heldWith(`status = 2, ${ENDED}, error_code = 'code'`),
  },
  tasks_waiting_while_pending: {
    'PROCESSING and waiting for a node': heldWith('waiting_since = now()'),
    'CANCELLED and waiting for a node': pendingWith(
      'status = 4, finished_at = now(), waiting_since = now()',
    ),
  },
  tasks_reasoning_ms: { 'reasoning that took less than no time': pendingWith('reasoning_ms = -1') },
  tasks_pending_has_no_answer: {
    'PENDING with an answer': pendingWith("response_text = 'A'"),
    'PROCESSING with an answer': heldWith("response_text = 'A'"),
  },
  dead_letters_kind: { 'a kind that there is not': deadLetter('letter', '{}') },
  dead_letters_payload: { 'more than 4096 bytes': deadLetter('task', 'é'.repeat(2049)) },
  gemini_service_nodes_status: { 'a status that there is not': nodeWith({ status: 'SLEEPY' }) },
  gemini_service_nodes_room: {
    'a node that takes no task': nodeWith({ capacity: 0 }),
    'a node without weight': nodeWith({ weight: 0 }),
  },
  files_bytes: {
    'an empty file': () => [
      `INSERT INTO files (id, owner, sha256, type, bytes, object_key)
       VALUES ($1, 'local', 'hash', 'image/png', 0, 'key')`,
      [uuidv7()],
    ],
  },
}

const CASES = Object.entries(REFUSED).flatMap(([constraint, rows]) =>
  Object.entries(rows).map(([row, statement]) => ({ constraint, row, statement })),
)

for (const { constraint, row, statement } of CASES) {
  test(`${constraint} refuses: ${row}`, async () => {
    const [text, values] = statement()
    await expect(database.query(text, [...values])).rejects.toMatchObject({
      code: CHECK_VIOLATION,
      constraint,
    })
  })
}

test('every CHECK constraint of the database has its refused rows here', async () => {
  const rows = await database.query<{ name: string }>(
    `SELECT conname AS name FROM pg_constraint
     WHERE contype = 'c' AND connamespace = 'public'::regnamespace`,
  )
  expect(rows.map(({ name }) => name).toSorted()).toEqual(Object.keys(REFUSED).toSorted())
})

test.each([
  { status: 'PROCESSING', open: 1, success: 2, failed: 0, cancelled: 0 },
  { status: 'COMPLETED', open: 0, success: 3, failed: 0, cancelled: 0 },
  { status: 'CANCELLED', open: 0, success: 0, failed: 0, cancelled: 3 },
  { status: 'FAILED', open: 0, success: 0, failed: 3, cancelled: 0 },
  { status: 'FAILED', open: 0, success: 0, failed: 2, cancelled: 1 },
  { status: 'PARTIAL', open: 0, success: 1, failed: 2, cancelled: 0 },
  { status: 'PARTIAL', open: 0, success: 1, failed: 0, cancelled: 2 },
])('a batch with $open open, $success succeeded, $failed failed, $cancelled cancelled is $status', async ({
  status,
  open,
  success,
  failed,
  cancelled,
}) => {
  const { batchId } = await submitted(database, ['qwen3:1.7b', 'qwen3:1.7b', 'qwen3:1.7b'])
  const rows = await database.query(
    `UPDATE batches SET open_tasks = $2, success_tasks = $3, failed_tasks = $4,
         cancelled_tasks = $5, finished_at = CASE WHEN $2 = 0 THEN now() END
       WHERE id = $1 RETURNING status`,
    [batchId, open, success, failed, cancelled],
  )
  expect(rows).toEqual([{ status }])
})

test('no statement can store a status of a batch', async () => {
  const update = database.query("UPDATE batches SET status = 'COMPLETED' WHERE id = $1", [batchId])
  await expect(update).rejects.toMatchObject({ code: '428C9' })
})

const TABLES = Object.values(schema)
  .map((table) => getTableConfig(table as PgTable))
  .map((config) => ({ ...config, table: config.name }))

test.each(TABLES)('the table $table is in the database as schema.ts has it', async (declared) => {
  const columns = await database.query(
    `SELECT attname AS name, format_type(atttypid, atttypmod) AS type, attnotnull AS not_null,
       atthasdef AND attgenerated = '' AS has_default
     FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped
     ORDER BY attname COLLATE "C"`,
    [declared.name],
  )
  expect(columns).toEqual(
    declared.columns
      .map((column) => ({
        name: column.name,
        type: column.getSQLType(),
        not_null: column.notNull || column.primary,
        has_default: column.hasDefault && !column.generated,
      }))
      .toSorted((one, other) => (one.name < other.name ? -1 : 1)),
  )
  const indexes = await database.query<{ name: string; unique: boolean; partial: boolean }>(
    `SELECT indexrelid::regclass::text AS name, indisunique AS unique, indpred IS NOT NULL AS partial
     FROM pg_index WHERE indrelid = $1::regclass AND NOT indisprimary ORDER BY 1`,
    [declared.name],
  )
  expect(indexes).toEqual(
    declared.indexes
      .map(({ config }) => ({
        name: config.name,
        unique: config.unique,
        partial: config.where !== undefined,
      }))
      .toSorted((one, other) => (one.name! < other.name! ? -1 : 1)),
  )
})

test('the checks are in the database as schema.ts has them', async () => {
  const dialect = new PgDialect()
  for (const { table, checks } of TABLES) {
    for (const { name, value } of checks) {
      // Written the way the database writes it: what it makes of the declared text.
      const text = dialect.sqlToQuery(value).sql
      await database.query(`ALTER TABLE ${table} ADD CONSTRAINT declared CHECK (${text})`)
      const rows = await database.query(
        `SELECT pg_get_constraintdef(oid) AS definition FROM pg_constraint
         WHERE conrelid = $1::regclass AND conname IN ($2, 'declared')`,
        [table, name],
      )
      await database.query(`ALTER TABLE ${table} DROP CONSTRAINT declared`)
      expect(rows, name).toHaveLength(2)
      expect(rows[0], name).toEqual(rows[1])
    }
  }
})
