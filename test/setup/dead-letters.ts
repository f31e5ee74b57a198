import { v7 as uuidv7 } from 'uuid'
import { finishTasksIfHeld } from '../../drizzle/statements/finish-tasks-if-held.ts'
import { type DeadMessage, saveDeadMessages } from '../../drizzle/statements/save-dead-messages.ts'
import type { NewBatch } from '../../drizzle/statements/submit-batch.ts'
import { failure, processing } from './task-states.ts'
import type { UsedDatabase } from './use-database.ts'

const MODEL = 'qwen3:1.7b'

/** A failed task and its dead letter. */
export type Failed = { taskId: string; letterId: string }

/** A batch all of whose tasks have failed. */
export async function failed(
  database: UsedDatabase,
  tasks = 1,
): Promise<NewBatch & { failed: [Failed, ...Failed[]] }> {
  const batch = await processing(database, Array(tasks).fill(MODEL))
  const outcomes = batch.held.map((held) => failure(held))
  await database.run(finishTasksIfHeld(outcomes))
  const letters = outcomes.map(({ taskId, deadLetterId }) => ({ taskId, letterId: deadLetterId! }))
  return { ...batch, failed: letters as [Failed, ...Failed[]] }
}

let entries = 0

/** A dead message, and its id as a dead letter. */
export async function deadMessage(
  database: UsedDatabase,
  overrides: Partial<DeadMessage> = {},
): Promise<string> {
  const message: DeadMessage = {
    id: uuidv7(),
    stream: 'qwen_stream',
    entryId: `${++entries}-0`,
    payload: '["noise","x"]',
    code: 'unreadable_message',
    ...overrides,
  }
  await database.run(saveDeadMessages([message]))
  return message.id
}

/** The row of a dead letter as it is stored. */
export async function letterRow(database: UsedDatabase, id: string) {
  const rows = await database.query('SELECT * FROM dead_letters WHERE id = $1', [id])
  return rows[0]
}
