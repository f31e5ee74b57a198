import { Redis } from 'ioredis'
import { v7 as uuidv7 } from 'uuid'
import type { SubmitAnswer } from '../../drizzle/contract/http-api.ts'
import { familyNamed, familyOfModel } from '../../drizzle/contract/models.ts'
import { streamFields } from '../../drizzle/contract/stream-message.ts'
import { TRACEPARENT } from '../setup/new-batch.ts'
import type { FaultStack } from './scenario.ts'

/** How many batches, of one task each, a conversation has. */
const TURNS = 10
const MESSAGES_AT_ONCE = 5000

export type Backlog = {
  count: number
  /** Their models; the tasks take turns. */
  models: string[]
  /** How long ago the first and the last of them were submitted, in ms. */
  agoMs: { first: number; last: number }
}

/**
 * Stores PENDING tasks, each a batch of its own, and puts their messages into the streams, as so
 * many submits do. The planner hears nothing of the rows until somebody says ANALYZE.
 */
export async function fillBacklog(
  { database, redisUrl }: FaultStack,
  { count, models, agoMs }: Backlog,
): Promise<SubmitAnswer[]> {
  for (const table of ['conversations', 'batches', 'tasks']) {
    await database.query(`ALTER TABLE ${table} SET (autovacuum_enabled = off)`)
  }
  const conversations = Array.from({ length: Math.ceil(count / TURNS) }, () => uuidv7())
  const rows = Array.from({ length: count }, (_, i) => {
    const model = models[i % models.length]!
    return {
      batchId: uuidv7(),
      taskId: uuidv7(),
      conversationId: conversations[Math.floor(i / TURNS)]!,
      turn: (i % TURNS) + 1,
      model,
      family: familyOfModel(model)!.family,
      agoMs: agoMs.first + ((agoMs.last - agoMs.first) * i) / count,
    }
  })
  await database.query(
    `INSERT INTO conversations (id, owner, title, turns)
     SELECT id, 'local', 'A title', ${TURNS} FROM unnest($1::uuid[]) AS id`,
    [conversations],
  )
  await database.query(
    `INSERT INTO batches (id, conversation_id, owner, turn, user_prompt, mode, traceparent,
       total_tasks, open_tasks)
     SELECT id, conversation_id, 'local', turn, 'A prompt', 'text', '${TRACEPARENT}', 1, 1
     FROM unnest($1::uuid[], $2::uuid[], $3::integer[]) AS b (id, conversation_id, turn)`,
    [
      rows.map(({ batchId }) => batchId),
      rows.map(({ conversationId }) => conversationId),
      rows.map(({ turn }) => turn),
    ],
  )
  await database.query(
    `INSERT INTO tasks (id, batch_id, conversation_id, owner, position, model, model_name, family,
       slot, rung_at)
     SELECT id, batch_id, conversation_id, 'local', 1, model, model, family, 0,
       now() - ago_ms * interval '1 ms'
     FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::float8[])
       AS t (id, batch_id, conversation_id, model, family, ago_ms)`,
    [
      rows.map(({ taskId }) => taskId),
      rows.map(({ batchId }) => batchId),
      rows.map(({ conversationId }) => conversationId),
      rows.map(({ model }) => model),
      rows.map(({ family }) => family),
      rows.map(({ agoMs }) => agoMs),
    ],
  )
  const redis = new Redis(redisUrl, { protocol: 2 })
  const [seconds, micros] = (await redis.time()) as [number, number]
  const nowMs = Number(seconds) * 1000 + Math.floor(Number(micros) / 1000)
  for (let i = 0; i < count; i += MESSAGES_AT_ONCE) {
    const pipeline = redis.pipeline()
    for (const [j, { taskId, family, agoMs }] of rows.slice(i, i + MESSAGES_AT_ONCE).entries()) {
      const fields = streamFields({ family, taskId, fence: 0, traceparent: TRACEPARENT })
      // The id of an entry says when it was written.
      const id = `${Math.floor(nowMs - agoMs)}-${i + j}`
      pipeline.xadd(familyNamed(family).stream, id, ...Object.entries(fields).flat())
    }
    for (const [error] of (await pipeline.exec()) ?? []) if (error) throw error
  }
  redis.disconnect()
  return rows.map(({ batchId, conversationId, taskId }) => ({
    batch_id: batchId,
    conversation_id: conversationId,
    message: 'Tasks dispatched successfully',
    task_ids: [taskId],
  }))
}
