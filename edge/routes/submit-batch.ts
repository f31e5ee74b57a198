import type { Context } from 'hono'
import { v7 as uuidv7 } from 'uuid'
import { z } from 'zod'
import { EXAMPLES } from '../../drizzle/contract/examples.ts'
import { MAX_FILES } from '../../drizzle/contract/file-ref.ts'
import {
  type SubmitAnswer,
  type SubmitRequest,
  submitAnswer,
  submitRequest,
} from '../../drizzle/contract/http-api.ts'
import { TaskStatus } from '../../drizzle/contract/task-status.ts'
import { traceparentFrom } from '../../drizzle/contract/traceparent.ts'
import {
  NAMED_FILE_GONE,
  type NewBatch,
  type NewFile,
  type SubmittedTask,
  submitBatch as submitStatement,
} from '../../drizzle/statements/submit-batch.ts'
import { afterAnswer } from '../after-answer.ts'
import { ApiError } from '../api-error.ts'
import { headersNamed } from '../documented-headers.ts'
import { fingerprintOf } from '../fingerprint.ts'
import { namedFiles } from '../named-files.ts'
import { DatabaseError } from '../neon.ts'
import { type AppEnv, json, notFound, type Operation } from '../operation.ts'
import { limitsOf, overLimit } from '../over-limit.ts'
import { ringStored } from '../ring-stored.ts'
import { runKnowingly } from '../run-knowingly.ts'
import { demandAccepted, readSubmission, tasksOf, titleOf } from '../submission.ts'
import { Uploads } from '../uploads.ts'

const headers = z.object({
  'Idempotency-Key': z
    .string()
    .regex(/^[\x21-\x7e]{1,255}$/)
    .optional()
    .meta({
      description: 'Repeating a submit with the same key finds the first batch, for 24 h.',
      example: '8e03978e-40d5-43dd-bc93-6894a57f9324',
    }),
  traceparent: z.string().optional().meta({
    description:
      'The trace that this belongs to (W3C Trace Context). It goes along to the worker. One that cannot be read is left out, and a new one begins.',
    example: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
  }),
})

const submitForm = submitRequest.extend({
  files: z
    .array(z.string().meta({ format: 'binary' }))
    .max(MAX_FILES)
    .optional()
    .meta({
      description: `Up to ${MAX_FILES} files; each chosen model must be able to take each.`,
    }),
})
const example = EXAMPLES.submitRequest

export const submitBatch: Operation = {
  access: 'owner',
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
          'multipart/form-data': { schema: submitForm, example },
          'application/json': { schema: submitRequest, example },
        },
      },
    },
    answers: {
      202: {
        description: 'Stored. Poll the address in `Location`.',
        headers: headersNamed('Location', 'Idempotent-Replayed'),
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
      'rate_limited',
      'unavailable',
    ],
  },

  async handle(c) {
    const idempotencyKey = c.req.header('idempotency-key')
    if (!headers.shape['Idempotency-Key'].safeParse(idempotencyKey).success) {
      throw new ApiError(
        'invalid_request',
        'Idempotency-Key must be 1 to 255 visible ASCII characters.',
        'Idempotency-Key',
      )
    }
    const submitting = submit(c, idempotencyKey)
    // A client that hangs up would end it between two stores.
    afterAnswer(c, submitting)
    const stored = await submitting
    afterAnswer(c, c.var.leftovers.forgetIfDue(c.var))
    const first = stored[0]!
    const answer: SubmitAnswer = {
      batch_id: first.batch_id,
      conversation_id: first.conversation_id,
      message: 'Tasks dispatched successfully',
      task_ids: stored.map(({ task_id }) => task_id),
    }
    c.header('Location', `/v1/batches/${first.batch_id}`)
    if (first.replayed) c.header('Idempotent-Replayed', 'true')
    return c.json(answer, 202)
  },
}

type Submitted = SubmittedTask & { replayed: boolean }

/** Takes in the request, files first, and stores it. Throws what the API answers with. */
async function submit(c: Context<AppEnv>, idempotencyKey?: string): Promise<Submitted[]> {
  const { files, requestId } = c.var
  const uploads = files && new Uploads(files.objects)
  try {
    const batch = await batchOf(c, await readSubmission(c, uploads), uploads?.files ?? [])
    const key = idempotencyKey ? `key:${idempotencyKey}` : `batch:${batch.batchId}`
    const stored = await dispatch(c, { ...batch, idempotencyKey: key })
    const unused = stored[0]?.unused ?? []
    if (unused.length > 0) afterAnswer(c, uploads!.discard(requestId, unused))
    return stored.map((task) => ({ ...task, replayed: task.batch_id !== batch.batchId }))
  } catch (error) {
    if (uploads) afterAnswer(c, uploads.discardAfter(error, requestId))
    throw error
  }
}

/** The rows that a request asks for; files that it names are looked up. Throws ApiError 400 or 404. */
async function batchOf(
  c: Context<AppEnv>,
  request: SubmitRequest,
  files: NewFile[],
): Promise<Omit<NewBatch, 'idempotencyKey'>> {
  const tasks = tasksOf(request)
  const named = await namedFiles(c, request.file_ids)
  demandAccepted([...named, ...files], tasks)
  const conversationIsNew = !request.conversation_id
  if (!conversationIsNew && !z.uuid().safeParse(request.conversation_id).success) {
    throw notFound('conversation')
  }
  return {
    owner: c.var.owner,
    batchId: uuidv7(),
    conversationId: request.conversation_id ?? uuidv7(),
    conversationIsNew,
    title: titleOf(request.prompt),
    prompt: request.prompt,
    mode: request.mode,
    system: request.system ?? null,
    temperature: request.temperature ?? null,
    maxTokens: request.max_tokens ?? null,
    traceparent: traceparentFrom(c.req.header('traceparent')),
    requestId: c.var.requestId,
    fingerprint: await fingerprintOf(request, tasks, [...named, ...files]),
    tasks,
    named,
    files,
    limits: limitsOf(c.var.settings),
  }
}

/** Stores the batch, then rings its tasks. Throws what the API answers with. */
async function dispatch(c: Context<AppEnv>, batch: NewBatch): Promise<SubmittedTask[]> {
  const stored = await runKnowingly(c.var.postgres, submitStatement(batch)).catch(asRefusal)
  const first = stored[0]
  if (!first) throw notFound('conversation')
  if (first.refused) throw overLimit(first.refused, batch.limits)
  if (first.fingerprint !== batch.fingerprint) {
    throw new ApiError(
      'idempotency_conflict',
      'This Idempotency-Key was used before with another request.',
      'Idempotency-Key',
    )
  }
  const families = new Map(batch.tasks.map(({ family }, i) => [stored[i]?.task_id, family]))
  const pending = stored.filter(({ status }) => status === TaskStatus.PENDING)
  const rings = pending.map(({ task_id, fence }) => ({
    family: families.get(task_id)!,
    taskId: task_id,
    fence,
    traceparent: batch.traceparent,
  }))
  await ringStored(c, rings, { batch_id: first.batch_id })
  return stored
}

/** Throws ApiError 404 where a file has been forgotten since it was found, else what it was given. */
function asRefusal(error: unknown): never {
  const refused = error instanceof DatabaseError && !error.outcomeUnknown
  if (!refused || error.code !== NAMED_FILE_GONE) throw error
  const message = 'file_ids: one of these files is no longer there. Upload it again.'
  throw new ApiError('not_found', message, 'file_ids')
}
