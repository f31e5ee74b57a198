import { beforeAll, expect, test } from 'vitest'
import { claimTasksIfPending } from '../../drizzle/statements/claim-tasks-if-pending.ts'
import { openSession } from '../setup/session.ts'
import { claimOf, HOLDER, submitted } from '../setup/task-states.ts'
import { useDatabase } from '../setup/use-database.ts'

const BACKLOG = 20_000
const database = useDatabase()

type Plan = {
  'Node Type': string
  'Relation Name'?: string
  Alias?: string
  'Index Name'?: string
  Plans?: Plan[]
}

/** A backlog of PENDING tasks that the planner knows nothing of, as after a burst. */
beforeAll(async () => {
  for (const table of ['tasks', 'batches']) {
    await database.query(`ALTER TABLE ${table} SET (autovacuum_enabled = off)`)
  }
  const { conversationId } = await submitted(database, ['qwen3:1.7b'])
  await database.query(
    `INSERT INTO batches (id, conversation_id, owner, turn, user_prompt, mode, traceparent,
       total_tasks, open_tasks)
     SELECT gen_random_uuid(), $1, 'local', turn, 'A prompt', 'text', '', 1, 1
     FROM generate_series(2, ${BACKLOG} + 1) AS turn`,
    [conversationId],
  )
  await database.query(
    `INSERT INTO tasks (id, batch_id, conversation_id, owner, position, model, model_name, family, slot)
     SELECT gen_random_uuid(), id, conversation_id, owner, 1, 'qwen3:1.7b', 'qwen3:1.7b', 'qwen', 0
     FROM batches WHERE turn > 1`,
  )
})

function nodesOf(plan: Plan): Plan[] {
  return [plan, ...(plan.Plans ?? []).flatMap(nodesOf)]
}

/** How a plan reads the table of tasks, each way once: the node, and the index where it names one. */
function readsOfTasks(plan: Plan): string[] {
  const reads = nodesOf(plan).filter(
    (node) =>
      // These two read nothing by themselves: their children do.
      !['ModifyTable', 'Bitmap Heap Scan'].includes(node['Node Type']) &&
      (node['Relation Name'] === 'tasks' || node['Index Name']?.startsWith('tasks_')),
  )
  return [...new Set(reads.map((node) => node['Index Name'] ?? node['Node Type']))].toSorted()
}

// The history of a conversation is found by its batches; all else by the keys of the messages.
const BY_KEY = ['tasks_by_batch', 'tasks_pkey']

test('with cold statistics a claim finds its tasks by their keys, not through the backlog', async () => {
  const rows = await database.query<{ id: string }>('SELECT id FROM tasks LIMIT 50')
  const { text, params } = claimTasksIfPending(
    rows.map((row) => claimOf(row)),
    HOLDER,
  )
  const [answer] = await database.query(`EXPLAIN (FORMAT JSON) ${text}`, params)
  expect(readsOfTasks(answer?.['QUERY PLAN'][0].Plan)).toEqual(BY_KEY)
})

test('the plan that a prepared claim is kept with finds its tasks by their keys too', async () => {
  const { text } = claimTasksIfPending([], HOLDER)
  const session = await openSession(database)
  const { rows } = await session.query(`EXPLAIN (GENERIC_PLAN, FORMAT JSON) ${text}`)
  expect(readsOfTasks(rows[0]['QUERY PLAN'][0].Plan)).toEqual(BY_KEY)
})
