import { v7 as uuidv7 } from 'uuid'
import { TaskStatus } from '../../drizzle/contract/task-status.ts'
import {
  type Claim,
  type ClaimedTask,
  claimTasksIfPending,
  type Holder,
} from '../../drizzle/statements/claim-tasks-if-pending.ts'
import { finishTasksIfHeld, type Outcome } from '../../drizzle/statements/finish-tasks-if-held.ts'
import type { Release } from '../../drizzle/statements/release-tasks-if-held.ts'
import type { Held } from '../../drizzle/statements/renew-leases-if-held.ts'
import { type NewBatch, submitBatch } from '../../drizzle/statements/submit-batch.ts'
import { newBatch } from './new-batch.ts'
import type { UsedDatabase } from './use-database.ts'

export const HOLDER: Holder = {
  workerId: 'worker-1',
  workerKey: 9_007_199_254_740_993n,
  watched: false,
  leaseMs: 60_000,
  nodes: { ids: [], discover: false },
  gate: { probeMs: 30_000, waitMs: 600_000 },
}
export const HISTORY = { turns: 20, characters: 100_000 }

/** A batch with its tasks PENDING, fence 0. */
export async function submitted(
  database: UsedDatabase,
  models: string[],
  overrides: Partial<NewBatch> = {},
): Promise<NewBatch> {
  const batch = newBatch(models, overrides)
  await database.run(submitBatch(batch))
  return batch
}

/** The next batch of a conversation. */
export function next(batch: NewBatch): Partial<NewBatch> {
  return { owner: batch.owner, conversationId: batch.conversationId }
}

/** The claim that the first message of a task makes; of a qwen task where no family is given. */
export function claimOf(
  { id, family = 'qwen' }: { id: string; family?: string },
  overrides: Partial<Claim> = {},
): Claim {
  return {
    taskId: id,
    fence: 0,
    family,
    history: HISTORY,
    again: false,
    ...overrides,
  }
}

/** Claims the tasks of a batch that nobody has claimed yet, in order. Fails when one is not to be had. */
export async function claimed(
  database: UsedDatabase,
  batch: NewBatch,
  history = HISTORY,
): Promise<ClaimedTask[]> {
  const claims = batch.tasks.map((task) => claimOf(task, { history }))
  const verdicts = await database.run(claimTasksIfPending(claims, HOLDER))
  return verdicts.map(({ task }) => {
    if (!task) throw new Error('the task could not be claimed')
    return task
  })
}

/** A batch whose tasks are all PROCESSING at fence 1. */
export async function processing(
  database: UsedDatabase,
  models: string[],
  overrides: Partial<NewBatch> = {},
): Promise<NewBatch & { held: [Held, ...Held[]] }> {
  const batch = await submitted(database, models, overrides)
  const tasks = await claimed(database, batch)
  const held = tasks.map(({ id, fence }) => ({ taskId: id, fence }))
  return { ...batch, held: held as [Held, ...Held[]] }
}

/** What a drain hands back. */
export function drained(held: Held[]): Release[] {
  return held.map((one) => ({ ...one, because: 'drained', afterMs: 0 }))
}

export function success(held: Held, responseText = 'An answer', more: Partial<Outcome> = {}) {
  return { ...EMPTY, ...held, status: TaskStatus.SUCCESS, responseText, ...more }
}

export function failure(held: Held, more: Partial<Outcome> = {}): Outcome {
  return {
    ...EMPTY,
    ...held,
    status: TaskStatus.FAILED,
    errorCode: 'model_timeout',
    errorMsg: 'Too slow.',
    counts: 'failure',
    deadLetterId: uuidv7(),
    ...more,
  }
}

const EMPTY = {
  responseText: null,
  reasoningText: null,
  errorCode: null,
  errorMsg: null,
  usage: null,
  finishReason: null,
  answeredBy: null,
  firstTokenMs: null,
  reasoningMs: null,
  files: [],
  counts: null,
  deadLetterId: null,
}

/** A whole turn that has ended: one answer a task, or null where it failed. */
export async function answered(
  database: UsedDatabase,
  models: string[],
  answers: (string | null)[],
  overrides: Partial<NewBatch> = {},
): Promise<NewBatch> {
  const batch = await processing(database, models, overrides)
  const outcomes = batch.held.map((held, i) => {
    const answer = answers[i]
    return answer == null ? failure(held) : success(held, answer)
  })
  await database.run(finishTasksIfHeld(outcomes))
  return batch
}

/** The row of a task as it is stored, with `lease_ms` and such left to the caller's `columns`. */
export async function taskRow(database: UsedDatabase, id: string, columns = '*') {
  const rows = await database.query(`SELECT ${columns} FROM tasks WHERE id = $1`, [id])
  return rows[0]
}

/** The row of a batch as it is stored. */
export async function batchRow(database: UsedDatabase, id: string) {
  const rows = await database.query('SELECT * FROM batches WHERE id = $1', [id])
  return rows[0]
}
