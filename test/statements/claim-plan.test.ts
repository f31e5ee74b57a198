import { expect, test } from 'vitest'
import { claimTasksIfPending } from '../../drizzle/statements/claim-tasks-if-pending.ts'
import { readsOf, readsOfPrepared, useColdBacklog } from '../setup/cold-backlog.ts'
import { claimOf, HOLDER } from '../setup/task-states.ts'
import { useDatabase } from '../setup/use-database.ts'

const database = useDatabase()
useColdBacklog(database)

// The history of a conversation is found by its batches; all else by the keys of the messages.
const BY_KEY = ['batches_by_turn', 'batches_pkey', 'tasks_by_batch', 'tasks_pkey']

test('with cold statistics a claim finds its tasks by their keys, not through the backlog', async () => {
  const rows = await database.query<{ id: string }>('SELECT id FROM tasks LIMIT 50')
  const claims = rows.map((row) => claimOf(row))
  expect(await readsOf(database, claimTasksIfPending(claims, HOLDER))).toEqual(BY_KEY)
})

test('the plan that a prepared claim is kept with finds its tasks by their keys too', async () => {
  expect(await readsOfPrepared(database, claimTasksIfPending([], HOLDER))).toEqual(BY_KEY)
})
