import type { Context } from 'hono'
import { v7 as uuidv7 } from 'uuid'
import { z } from 'zod'
import { type SubmitAnswer, submitAnswer, submitRequest } from '../../drizzle/contract/http-api.ts'
import { TaskStatus } from '../../drizzle/contract/task-status.ts'
import { traceparentFrom } from '../../drizzle/contract/traceparent.ts'
import type { PostgresDoor } from '../../drizzle/statements/statement.ts'
import {
  type NewBatch,
  type SubmittedTask,
  submitBatch as submitStatement,
} from '../../drizzle/statements/submit-batch.ts'
import { afterAnswer } from '../after-answer.ts'
import { ApiError } from '../api-error.ts'
import { log } from '../log.ts'
import { DatabaseError } from '../neon.ts'
import { type AppEnv, json, notFound, type Operation } from '../operation.ts'
import { readSubmission, tasksOf, titleOf } from '../submission.ts'
import { RedisError } from '../upstash.ts'

/** Waits before the statement is repeated when nobody knows whether it was carried out, in ms. */
const REPEAT_AFTER_MS = [100, 500]

const headers = z.object({
  'idempotency-key': z
    .string()
    .regex(/^[\x21-\x7e]{1,255}$/)
    .optional()
    .meta({ description: 'Repeating a submit with the same key finds the first batch, for 24 h.' }),
})

export const submitBatch: Operation = {
  route: {
    method: 'post',
    path: '/v1/chat/completions',
    summary: 'Ask several models at once',
    description: 'Stores the prompt and one task a model, and answers before any model is called.',
    tags: ['Chat'],
    request: {
      headers,
      body: {
        required: true,
        content: {
          'multipart/form-data': { schema: submitRequest },
          'application/json': { schema: submitRequest },
        },
      },
    },
    answers: {
      202: {
        description: 'Stored. Poll the address in `Location`.',
        content: json(submitAnswer),
      },
    },
    errors: [
      'invalid_request',
      'unknown_model',
      'not_found',
      'payload_too_large',
      'unsupported_media_type',
      'idempotency_conflict',
      'unavailable',
    ],
  },

  async handle(c) {
    const idempotencyKey = c.req.header('idempotency-key')
    if (!headers.shape['idempotency-key'].safeParse(idempotencyKey).success) {
      throw new ApiError(
        'invalid_request',
        'Idempotency-Key must be 1 to 255 visible ASCII characters.',
        'Idempotency-Key',
      )
    }
    const request = await readSubmission(c)
    const tasks = tasksOf(request)
    const conversationIsNew = !request.conversation_id
    if (!conversationIsNew && !z.uuid().safeParse(request.conversation_id).success) {
      throw notFound('conversation')
    }
    const batchId = uuidv7()
    const batch: NewBatch = {
      owner: c.var.owner,
      batchId,
      conversationId: request.conversation_id ?? uuidv7(),
      conversationIsNew,
      title: titleOf(request.prompt),
      prompt: request.prompt,
      mode: request.mode,
      system: request.system ?? null,
      temperature: request.temperature ?? null,
      maxTokens: request.max_tokens ?? null,
      traceparent: traceparentFrom(c.req.header('traceparent')),
      idempotencyKey: idempotencyKey ? `key:${idempotencyKey}` : `batch:${batchId}`,
      fingerprint: await sha256(JSON.stringify(request)),
      tasks,
    }

    const dispatching = dispatch(c, batch)
    // A client that hangs up would end it between the two stores.
    afterAnswer(c, dispatching)
    const stored = await dispatching
    const first = stored[0]!
    const answer: SubmitAnswer = {
      batch_id: first.batch_id,
      conversation_id: first.conversation_id,
      message: 'Tasks dispatched successfully',
      task_ids: stored.map(({ task_id }) => task_id),
    }
    c.header('Location', `/v1/batches/${first.batch_id}`)
    if (first.batch_id !== batchId) c.header('Idempotent-Replayed', 'true')
    return c.json(answer, 202)
  },
}

/** Stores the batch, then rings its tasks. Throws what the API answers with. */
async function dispatch(
  { var: { postgres, redis, requestId } }: Context<AppEnv>,
  batch: NewBatch,
): Promise<SubmittedTask[]> {
  const stored = await storeKnowingly(postgres, batch)
  const first = stored[0]
  if (!first) throw notFound('conversation')
  if (first.fingerprint !== batch.fingerprint) {
    throw new ApiError(
      'idempotency_conflict',
      'This Idempotency-Key was used before with another request.',
      'Idempotency-Key',
    )
  }
  const families = new Map(batch.tasks.map(({ family }, i) => [stored[i]?.task_id, family]))
  const pending = stored.filter(({ status }) => status === TaskStatus.PENDING)
  try {
    await redis.ring(
      pending.map(({ task_id, fence }) => ({
        family: families.get(task_id)!,
        taskId: task_id,
        fence,
        traceparent: batch.traceparent,
      })),
    )
  } catch (error) {
    // The rows stand, and a worker's sweep rings what was not rung: the request is not lost.
    const code = error instanceof RedisError ? error.code : 'internal'
    log('warn', 'not rung', { code, batch_id: first.batch_id, request_id: requestId })
  }
  return stored
}

/** Runs the statement; while its outcome is unknown, again with the same ids, which is harmless. */
async function storeKnowingly(postgres: PostgresDoor, batch: NewBatch): Promise<SubmittedTask[]> {
  const statement = submitStatement(batch)
  for (const wait of REPEAT_AFTER_MS) {
    try {
      return await postgres.run(statement)
    } catch (error) {
      if (!(error instanceof DatabaseError && error.outcomeUnknown)) throw error
      await new Promise((resolve) => setTimeout(resolve, wait))
    }
  }
  return postgres.run(statement)
}

async function sha256(text: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
