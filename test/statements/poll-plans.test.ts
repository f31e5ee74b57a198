import { beforeAll, expect, test } from 'vitest'
import { findBatch } from '../../drizzle/statements/find-batch.ts'
import { findTask } from '../../drizzle/statements/find-task.ts'
import { savePartialsIfHeld } from '../../drizzle/statements/save-partials-if-held.ts'
import type { Statement } from '../../drizzle/statements/statement.ts'
import { attach, storedFile } from '../setup/stored-files.ts'
import { processing } from '../setup/task-states.ts'
import { useDatabase } from '../setup/use-database.ts'

const MODELS = ['qwen3:1.7b', 'qwen3:1.7b']
const KNOWN = { tags: '*', urlsUntil: 0 } as const
const BY_KEY = [
  'batch_files_batch_id_position_pk',
  'batches_pkey',
  'task_files_task_id_position_pk',
  'task_partials_pkey',
]

const database = useDatabase()
let batchId: string
let taskId: string

/** One batch among many, whose tasks all have files and old texts. */
beforeAll(async () => {
  const { held, ...batch } = await processing(database, MODELS)
  batchId = batch.batchId
  taskId = held[0].taskId
  await database.run(savePartialsIfHeld([{ ...held[0], responseText: 'So f', reasoningText: '' }]))
  await attach(database, batchId, [await storedFile(database)])
  await database.query(
    `WITH many AS (SELECT gen_random_uuid() AS id, n FROM generate_series(2, 5000) n),
     file AS (INSERT INTO files (id, owner, sha256, type, bytes, object_key)
       SELECT id, 'local', id::text, 'image/png', 1, id::text FROM many),
     batch AS (INSERT INTO batches (id, conversation_id, owner, turn, user_prompt, mode,
         traceparent, total_tasks, open_tasks)
       SELECT id, $1, 'local', n, '', 'text', '', 1, 1 FROM many),
     task AS (INSERT INTO tasks (id, batch_id, conversation_id, owner, position, model,
         model_name, family, slot)
       SELECT id, id, $1, 'local', 1, 'qwen3', 'qwen3', 'qwen', 0 FROM many),
     partial AS (INSERT INTO task_partials SELECT id, 0, '', '' FROM many),
     given AS (INSERT INTO batch_files SELECT id, id, 1, '' FROM many)
     INSERT INTO task_files SELECT id, id, 1, '' FROM many`,
    [batch.conversationId],
  )
  await database.query('INSERT INTO task_files SELECT $1, id, 1, $2 FROM files LIMIT 1', [
    taskId,
    'a.png',
  ])
})

type Plan = {
  'Node Type': string
  'Relation Name'?: string
  'Index Name'?: string
  'Actual Loops': number
  Plans?: Plan[]
}

/** The indexes by which a statement has read, and the tables that it has read whole. */
async function waysOf({ text, params }: Statement<unknown>): Promise<string[]> {
  const [row] = await database.query(`EXPLAIN (ANALYZE, FORMAT JSON) ${text}`, params)
  const waysIn = (plan: Plan): string[] => {
    // It reads by the index of its child.
    const isBitmap = plan['Node Type'] === 'Bitmap Heap Scan'
    const way = plan['Index Name'] ?? (isBitmap ? undefined : plan['Relation Name'])
    const own = way && plan['Actual Loops'] > 0 ? [way] : []
    return [...own, ...(plan.Plans ?? []).flatMap(waysIn)]
  }
  return [...new Set(waysIn(row?.['QUERY PLAN'][0].Plan))].toSorted()
}

// What the JSON is made from, the table of files and the tasks once more, would be among the ways.
test.each([
  'none',
  'those of the tables',
])('a poll of a state that is known reads by keys, and makes nothing of it (statistics: %s)', async (statistics) => {
  if (statistics !== 'none') await database.query('ANALYZE')
  expect(await waysOf(findBatch('local', batchId, KNOWN))).toEqual([...BY_KEY, 'tasks_by_batch'])
  expect(await waysOf(findTask('local', taskId, KNOWN))).toEqual([...BY_KEY, 'tasks_pkey'])
})
