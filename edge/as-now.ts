import type { Context } from 'hono'
import type { Batch, Task } from '../drizzle/contract/http-api.ts'
import { findBatch } from '../drizzle/statements/find-batch.ts'
import { findTask } from '../drizzle/statements/find-task.ts'
import { batchAsAnswered, resultAsAnswered } from './as-answered.ts'
import { type AppEnv, notFound } from './operation.ts'

/** A batch of the caller as it is now, as GET answers it. Throws ApiError 404. */
export async function batchNow(c: Context<AppEnv>, id: string): Promise<Batch> {
  const [row] = await c.var.postgres.run(findBatch(c.var.owner, id))
  if (!row) throw notFound('batch')
  return batchAsAnswered(c, row.batch!)
}

/** A task of the caller as it is now, as GET answers it. Throws ApiError 404. */
export async function taskNow(c: Context<AppEnv>, id: string): Promise<Task> {
  const [row] = await c.var.postgres.run(findTask(c.var.owner, id))
  if (!row) throw notFound('task')
  return resultAsAnswered(c, row.task!)
}
