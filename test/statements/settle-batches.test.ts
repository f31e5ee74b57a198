import { expect, test } from 'vitest'
import { TaskStatus } from '../../drizzle/contract/task-status.ts'
import { settleBatches } from '../../drizzle/statements/settle-batches.ts'
import { batchRow, submitted } from '../setup/task-states.ts'
import { useDatabase } from '../setup/use-database.ts'

const { PENDING, SUCCESS, FAILED, PROCESSING, CANCELLED } = TaskStatus
const COUNTS = { open_tasks: 0, success_tasks: 0, failed_tasks: 0, cancelled_tasks: 0 }
const database = useDatabase()

/** Settles as though these tasks of one batch had moved, each from one status to another. */
function settle(batchId: string, moves: [from: number, to: number][]) {
  return database.query(
    `WITH moved AS (
      SELECT $1::uuid AS batch_id, * FROM unnest($2::smallint[], $3::smallint[])
        AS m (old_status, new_status)
    ), ${settleBatches('moved')} SELECT id FROM batch_settled`,
    [batchId, moves.map(([from]) => from), moves.map(([, to]) => to)],
  )
}

/** Two tasks with these counts, whatever the rows of the tasks say. */
async function batchWith(counts: Partial<typeof COUNTS>): Promise<string> {
  const { batchId } = await submitted(database, ['qwen3:1.7b', 'qwen3:1.7b'])
  const all = { ...COUNTS, ...counts }
  await database.query(
    `UPDATE batches SET open_tasks = $2, success_tasks = $3, failed_tasks = $4,
       cancelled_tasks = $5, finished_at = CASE WHEN $2 = 0 THEN now() END WHERE id = $1`,
    [batchId, all.open_tasks, all.success_tasks, all.failed_tasks, all.cancelled_tasks],
  )
  return batchId
}

const TABLE: {
  title: string
  before: Partial<typeof COUNTS>
  moves: [number, number][]
  after: Partial<typeof COUNTS>
}[] = [
  {
    title: 'a task that succeeds is one open less, one success more',
    before: { open_tasks: 2 },
    moves: [[PROCESSING, SUCCESS]],
    after: { open_tasks: 1, success_tasks: 1 },
  },
  {
    title: 'a task that fails is one open less, one failure more',
    before: { open_tasks: 2 },
    moves: [[PROCESSING, FAILED]],
    after: { open_tasks: 1, failed_tasks: 1 },
  },
  {
    title: 'a PENDING task that is cancelled is one open less, one cancelled more',
    before: { open_tasks: 2 },
    moves: [[PENDING, CANCELLED]],
    after: { open_tasks: 1, cancelled_tasks: 1 },
  },
  {
    title: 'a failed task that is tried again is one failure less, one open more',
    before: { open_tasks: 1, failed_tasks: 1 },
    moves: [[FAILED, PENDING]],
    after: { open_tasks: 2 },
  },
  {
    title: 'a cancelled task that is opened again is one cancelled less, one open more',
    before: { open_tasks: 1, cancelled_tasks: 1 },
    moves: [[CANCELLED, PENDING]],
    after: { open_tasks: 2 },
  },
  {
    title: 'a success that is opened again is one success less, one open more',
    before: { open_tasks: 1, success_tasks: 1 },
    moves: [[SUCCESS, PROCESSING]],
    after: { open_tasks: 2 },
  },
  {
    title: 'a move between open states changes nothing',
    before: { open_tasks: 2 },
    moves: [
      [PROCESSING, PENDING],
      [PENDING, PROCESSING],
    ],
    after: { open_tasks: 2 },
  },
  {
    title: 'two tasks of one batch are both counted',
    before: { open_tasks: 2 },
    moves: [
      [PROCESSING, SUCCESS],
      [PENDING, CANCELLED],
    ],
    after: { success_tasks: 1, cancelled_tasks: 1 },
  },
]

for (const { title, before, moves, after } of TABLE) {
  test(title, async () => {
    const batchId = await batchWith(before)
    expect(await settle(batchId, moves)).toEqual([{ id: batchId }])
    expect(await batchRow(database, batchId)).toMatchObject({ ...COUNTS, ...after })
  })
}

test('a batch has its time of ending when none is open, and loses it when it is opened again', async () => {
  const batchId = await batchWith({ open_tasks: 1, failed_tasks: 1 })
  await settle(batchId, [[PROCESSING, SUCCESS]])
  expect((await batchRow(database, batchId))?.finished_at).toBeInstanceOf(Date)
  await settle(batchId, [[FAILED, PENDING]])
  expect(await batchRow(database, batchId)).toMatchObject({
    finished_at: null,
    status: 'PROCESSING',
  })
})

test('other batches are left alone', async () => {
  const mine = await batchWith({ open_tasks: 2 })
  const other = await batchWith({ open_tasks: 2 })
  await settle(mine, [[PROCESSING, SUCCESS]])
  expect(await batchRow(database, other)).toMatchObject({ open_tasks: 2, success_tasks: 0 })
})
