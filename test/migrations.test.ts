import { execFile } from 'node:child_process'
import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import { migrate } from '../drizzle/migrate.ts'
import { claimTasksIfPending } from '../drizzle/statements/claim-tasks-if-pending.ts'
import { finishTasksIfHeld } from '../drizzle/statements/finish-tasks-if-held.ts'
import { createDatabase } from './setup/database.ts'
import { openSession } from './setup/session.ts'
import { claimOf, HOLDER, submitted, success, taskRow } from './setup/task-states.ts'
import { useDatabase } from './setup/use-database.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const MIGRATIONS = join(ROOT, 'drizzle/migrations')
const database = useDatabase()

async function emptyDatabase() {
  const empty = await createDatabase({ empty: true })
  onTestFinished(() => empty.drop())
  return empty
}

/** How often each migration was applied, and how many there are in the folder. */
async function applied(target: { query: (text: string) => Promise<unknown[]> }) {
  const files = (await readdir(MIGRATIONS)).filter((name) => name.endsWith('.sql'))
  const rows = await target.query('SELECT hash FROM drizzle.__drizzle_migrations')
  return { rows: rows.length, files: files.length }
}

test('migrations apply to an empty database, and a second time change nothing', async () => {
  const empty = await emptyDatabase()
  await migrate(empty.url)
  const first = await applied(empty)
  await migrate(empty.url)
  expect(await applied(empty)).toEqual(first)
  expect(first.rows).toBe(first.files)
  expect(await empty.query('SELECT * FROM tasks')).toEqual([])
})

test('four migrations at once of an empty database all succeed, and apply once', async () => {
  const empty = await emptyDatabase()
  await Promise.all([1, 2, 3, 4].map(() => migrate(empty.url)))
  const { rows, files } = await applied(empty)
  expect(rows).toBe(files)
})

test('the text of answers still being written is kept in an UNLOGGED table, all else is logged', async () => {
  const rows = await database.query(
    `SELECT relname FROM pg_class
     WHERE relkind = 'r' AND relpersistence = 'u' AND relnamespace = 'public'::regnamespace`,
  )
  expect(rows).toEqual([{ relname: 'task_partials' }])
})

test('schema.ts holds nothing that the migrations lack', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'async-chat-migrations-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  await cp(MIGRATIONS, folder, { recursive: true })
  const listed = async () => (await readdir(folder, { recursive: true })).toSorted()
  const before = await listed()
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [
      join(ROOT, 'node_modules/drizzle-kit/bin.cjs'),
      'generate',
      '--dialect=postgresql',
      '--schema=./drizzle/schema.ts',
      // It puts `./` before any path.
      `--out=${relative(ROOT, folder)}`,
    ],
    { cwd: ROOT, env: { PATH: process.env.PATH, HOME: tmpdir() } },
  )
  expect(stdout).toContain('No schema changes')
  expect(await listed()).toEqual(before)
  expect(await readFile(join(folder, 'meta/_journal.json'), 'utf8')).toBe(
    await readFile(join(MIGRATIONS, 'meta/_journal.json'), 'utf8'),
  )
})

test('workers go on while migrations are applied again, and do not hold them up', async () => {
  const { tasks } = await submitted(database, ['qwen3:1.7b', 'qwen3:1.7b'])
  const [one, two] = tasks.map((task) => claimOf(task))
  const worker = await openSession(database)
  await worker.query('BEGIN')
  await worker.run(claimTasksIfPending([one!], HOLDER))
  await migrate(database.url)

  // Another migration is under way: it holds the lock, and ours has come to wait for it.
  const other = await openSession(database)
  await other.query('SELECT pg_advisory_lock(7251943001)')
  const waiting = migrate(database.url)
  const waits = async () =>
    database.query(
      `SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database
       WHERE locktype = 'advisory' AND NOT granted AND datname = current_database()`,
    )
  while ((await waits()).length === 0);
  await worker.run(finishTasksIfHeld([success({ taskId: one!.taskId, fence: 1 })]))
  await worker.query('COMMIT')
  expect(await database.run(claimTasksIfPending([two!], HOLDER))).toMatchObject([
    { verdict: 'claimed' },
  ])
  await other.query('SELECT pg_advisory_unlock(7251943001)')
  await waiting
  expect(await taskRow(database, one!.taskId)).toMatchObject({ status: 1 })
})
