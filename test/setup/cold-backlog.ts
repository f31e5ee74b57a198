import { beforeAll } from 'vitest'
import type { Statement } from '../../drizzle/statements/statement.ts'
import { openSession } from './session.ts'
import { submitted } from './task-states.ts'
import type { UsedDatabase } from './use-database.ts'

const BACKLOG = 20_000

type Plan = {
  'Node Type': string
  'Relation Name'?: string
  'Index Name'?: string
  Plans?: Plan[]
}

/** A backlog of PENDING tasks that the planner knows nothing of, as after a burst. */
export function useColdBacklog(database: UsedDatabase): void {
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
}

/** How a statement, planned for its parameters, reads the tables of tasks and batches. */
export async function readsOf(
  database: UsedDatabase,
  { text, params }: Statement<unknown>,
): Promise<string[]> {
  const [answer] = await database.query(`EXPLAIN (FORMAT JSON) ${text}`, params)
  return readsIn(answer?.['QUERY PLAN'][0].Plan)
}

/** The same of the plan that the statement is kept with once it is prepared. */
export async function readsOfPrepared(
  database: UsedDatabase,
  { text }: Statement<unknown>,
): Promise<string[]> {
  const session = await openSession(database)
  const { rows } = await session.query(`EXPLAIN (GENERIC_PLAN, FORMAT JSON) ${text}`)
  return readsIn(rows[0]['QUERY PLAN'][0].Plan)
}

/** Each way once: the index, or the kind of scan where there is none. */
function readsIn(plan: Plan): string[] {
  const reads = nodesOf(plan).filter(
    (node) =>
      // These two read nothing by themselves: their children do.
      !['ModifyTable', 'Bitmap Heap Scan'].includes(node['Node Type']) &&
      (['tasks', 'batches'].includes(node['Relation Name'] ?? '') ||
        /^(tasks|batches)_/.test(node['Index Name'] ?? '')),
  )
  const ways = reads.map((node) => node['Index Name'] ?? `${node['Node Type']} of all`)
  return [...new Set(ways)].toSorted()
}

function nodesOf(plan: Plan): Plan[] {
  return [plan, ...(plan.Plans ?? []).flatMap(nodesOf)]
}
