import { expect, test } from 'vitest'
import { findMissingHolders } from '../../drizzle/statements/find-missing-holders.ts'
import { findNextTimes } from '../../drizzle/statements/find-next-times.ts'
import { reapTasksIfExpired } from '../../drizzle/statements/reap-tasks-if-expired.ts'
import { reapTasksIfHolderMissing } from '../../drizzle/statements/reap-tasks-if-holder-missing.ts'
import { ringTasksIfDue } from '../../drizzle/statements/ring-tasks-if-due.ts'
import { ringTasksIfLost } from '../../drizzle/statements/ring-tasks-if-lost.ts'
import type { Statement } from '../../drizzle/statements/statement.ts'
import { takeWaitersIfRoom } from '../../drizzle/statements/take-waiters-if-room.ts'
import { readsOf, readsOfPrepared, useColdBacklog } from '../setup/cold-backlog.ts'
import { useDatabase } from '../setup/use-database.ts'

const LEASE_MS = 10_000
const STEP = 500
const FAMILIES = ['deepseek', 'gemini', 'qwen']

const database = useDatabase()
useColdBacklog(database)

const BY_KEY = ['batches_pkey', 'tasks_pkey']
const STATEMENTS: [Statement<unknown>, indexes: string[]][] = [
  [
    ringTasksIfLost(
      FAMILIES.map((family) => ({ family, ageMs: 0 })),
      'now',
      STEP,
    ),
    [...BY_KEY, 'tasks_pending_by_rung'],
  ],
  [ringTasksIfDue(STEP), [...BY_KEY, 'tasks_pending_by_due']],
  [
    takeWaitersIfRoom(
      FAMILIES.map((family) => ({ family, most: 50 })),
      { nodes: { ids: [], discover: true }, waitMs: 600_000 },
    ),
    ['tasks_on_node', 'tasks_pkey', 'tasks_waiting_for_node'],
  ],
  [reapTasksIfExpired('now', LEASE_MS, STEP), [...BY_KEY, 'tasks_on_node']],
  [reapTasksIfHolderMissing(['1', '2'], LEASE_MS, STEP), [...BY_KEY, 'tasks_on_node']],
  [findMissingHolders(), ['tasks_on_node']],
  [findNextTimes(FAMILIES), ['tasks_pending_by_due', 'tasks_pending_by_rung', 'tasks_on_node']],
]

async function findByIndexes() {
  for (const [statement, indexes] of STATEMENTS) {
    const expected = [statement.name, ...indexes.toSorted()]
    expect([statement.name, ...(await readsOf(database, statement))]).toEqual(expected)
    expect([statement.name, ...(await readsOfPrepared(database, statement))]).toEqual(expected)
  }
}

// One test after the other: what is known of the backlog cannot be forgotten again.
test('with cold statistics nothing that is looked after is searched through the backlog', async () => {
  await findByIndexes()
})

test('nor when the planner knows how long the backlog is', async () => {
  await database.query('ANALYZE')
  await findByIndexes()
})
