import { z } from 'zod'
import { EXAMPLES } from './examples.ts'
import { MAX_FILES } from './file-ref.ts'
import { DEFAULT_MODEL, MAX_MODELS, MODEL_FAMILIES } from './models.ts'
import { TASK_ERROR_CODES } from './task-error-code.ts'
import { BATCH_STATUSES } from './task-status.ts'

const MAX_PROMPT_CHARACTERS = 200_000
const MAX_TITLE_CHARACTERS = 200
const MAX_SEARCH_CHARACTERS = 200

/** Text that PostgreSQL can hold: no NUL (refused), no lone surrogates (replaced by U+FFFD). */
const storable = z
  .string()
  .refine((text) => !text.includes('\u0000'), {
    message: 'must not contain a NUL character: the database cannot store it',
  })
  .overwrite((text) => text.toWellFormed())

export const numberField = (schema: z.ZodNumber) =>
  z.union([
    schema,
    z
      .string()
      .regex(/^\d+(\.\d+)?$/, 'must be a number')
      .transform(Number)
      .pipe(schema),
  ])

/** The ids of a form field: a JSON array, or separated by commas. What is neither stays as it is. */
function idsIn(text: string): unknown {
  if (!text.trimStart().startsWith('[')) {
    const parts = text.split(/[,，]/)
    return parts.map((part) => part.trim()).filter(Boolean)
  }
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

const fileIds = z.preprocess(
  (given) => (typeof given === 'string' ? idsIn(given) : given),
  z
    .array(z.string('must be a list of ids').max(100), 'must be a list of ids')
    .max(MAX_FILES, `name at most ${MAX_FILES} files`),
)

/** The fields of a submit, the same in a multipart form and in JSON. */
export const submitRequest = z.object({
  prompt: storable
    .refine((text) => text.trim() !== '', { message: 'must not be empty' })
    .refine((text) => text.length <= MAX_PROMPT_CHARACTERS, {
      message: `must have at most ${MAX_PROMPT_CHARACTERS} characters`,
    })
    .meta({
      description: 'What all the models are asked.',
      example: 'Why is the sky blue?',
      minLength: 1,
      maxLength: MAX_PROMPT_CHARACTERS,
    }),
  model: storable
    .max(1000)
    .default(DEFAULT_MODEL)
    .meta({
      description: `The models to ask, separated by commas; duplicates collapse; at most ${MAX_MODELS}.`,
      example: 'gemini-2.5-flash, deepseek-r1:1.5b, qwen3:1.7b',
    }),
  conversation_id: z
    .string()
    .max(100)
    .transform((id) => id || undefined)
    .optional()
    .meta({ description: 'The conversation to go on with; without it a new one begins.' }),
  mode: z.enum(['text', 'image']).default('text').meta({ description: 'What to make.' }),
  gemini_concurrency: numberField(z.number().int().min(1).max(2))
    .default(1)
    .meta({ description: 'How many calls each Gemini model gets: 1, or 2 on different nodes.' }),
  system: storable.max(20_000).optional().meta({ description: 'A system prompt.' }),
  temperature: numberField(z.number().min(0).max(2)).optional().meta({
    description: 'How freely the models choose their words; without it as each does by itself.',
  }),
  max_tokens: numberField(z.number().int().min(1).max(1_000_000))
    .optional()
    .meta({ description: 'How many tokens an answer may have.' }),
  file_ids: fileIds.default([]).meta({
    description: `Files that were uploaded before, by their ids; in a form a comma list or a JSON array. At most ${MAX_FILES}, with those of \`files\`, which come after them.`,
  }),
})

export type SubmitRequest = z.output<typeof submitRequest>

export const id = z.uuid().meta({ example: '01990b6e-7a4c-7000-8a5e-3f1c2b4d5e6f' })
export const time = z.iso.datetime().meta({ example: '2026-01-31T12:00:00.000Z' })

const file = z
  .object({
    file_id: id,
    name: z.string(),
    type: z.string().meta({ description: 'Its media type, by its content.', example: 'image/png' }),
    bytes: z.number().int(),
    url: z.string().nullable().meta({
      description:
        'Where to fetch it, at this gateway and for an hour at least; null while it keeps no files.',
    }),
  })
  .meta({ id: 'File' })

export const uploadedFiles = z
  .object({ files: z.array(file).meta({ description: 'In the order in which they were sent.' }) })
  .meta({ id: 'UploadedFiles', example: EXAMPLES.uploadedFiles })

export const submitAnswer = z
  .object({
    batch_id: id,
    conversation_id: id,
    message: z.literal('Tasks dispatched successfully'),
    task_ids: z.array(id).meta({ description: 'In the order of the model list, then slot.' }),
  })
  .meta({ id: 'SubmitAnswer', example: EXAMPLES.submitAnswer })

const usage = z
  .object({
    input_tokens: z.number().int().nullable(),
    output_tokens: z.number().int().nullable(),
    reasoning_tokens: z.number().int().nullable(),
    cached_tokens: z.number().int().nullable(),
  })
  .meta({ id: 'Usage' })

export type Usage = z.output<typeof usage>

const resultShape = {
  task_id: id,
  model: z.string(),
  slot: z.number().int(),
  model_name: z.string().meta({ description: 'For people; ends in (#1), (#2) only when doubled.' }),
  status: z.number().int().min(0).max(4).meta({
    description: '0 PENDING, 1 SUCCESS, 2 FAILED, 3 PROCESSING, 4 CANCELLED.',
  }),
  response_text: z.string().nullable().meta({
    description: 'The answer; while status is 3, what there is of it so far.',
  }),
  reasoning_text: z.string().nullable(),
  error_code: z.enum(TASK_ERROR_CODES).nullable(),
  error_msg: z.string().nullable(),
  cost_time: z.number().nullable().meta({ description: 'Seconds from start to finish.' }),
  usage: usage.nullable(),
  finish_reason: z.string().nullable().meta({
    description: 'Why the model stopped; `cut` where an answer over 1 MB was cut.',
  }),
  answered_by: z.string().nullable().meta({
    description: 'The model that answered, as its service names it.',
  }),
  first_token_ms: z.number().int().nullable().meta({
    description: 'Milliseconds from the start of the call to the first text or reasoning.',
  }),
  reasoning_ms: z.number().int().nullable().meta({
    description:
      'Milliseconds from the first reasoning to the first text of the answer, or to the end where no text came; null where no reasoning was shown, and of a task that has not ended or was cancelled.',
  }),
  created_at: time,
  started_at: time.nullable(),
  finished_at: time.nullable(),
  files: z.array(file).meta({ description: 'Pictures that the model made.' }),
}

const result = z.object(resultShape).meta({ id: 'Result' })

export const task = z
  .object({ ...resultShape, batch_id: id, conversation_id: id })
  .meta({ id: 'Task', example: EXAMPLES.task })

export const batch = z
  .object({
    batch_id: id,
    conversation_id: id,
    status: z.enum(BATCH_STATUSES),
    user_prompt: z.string(),
    mode: z.enum(['text', 'image']),
    chosen_task_id: id.nullable().meta({
      description: 'The task whose answer later turns see, whichever model they ask.',
    }),
    files: z.array(file),
    created_at: time,
    finished_at: time.nullable(),
    poll_after_ms: z.number().int().nullable().meta({
      description:
        'How long to wait before the next poll, 500 to 5000; null when the batch has ended.',
    }),
    results: z.array(result),
  })
  .meta({ id: 'Batch', example: EXAMPLES.batch })

export const history = z
  .object({
    conversation_id: id,
    title: z.string(),
    batches: z.array(batch).meta({ description: 'Oldest first.' }),
    next_cursor: z.string().nullable(),
  })
  .meta({ id: 'History', example: EXAMPLES.history })

/** Without what serves a client that polls: addresses that end, and when to poll again. */
const exportedResult = result.extend({ files: z.array(file.omit({ url: true })) })

/** A whole conversation, to keep. */
export const exportedConversation = z
  .object({
    conversation_id: id,
    title: z.string(),
    batches: z
      .array(
        batch
          .omit({ poll_after_ms: true })
          .extend({ files: z.array(file.omit({ url: true })), results: z.array(exportedResult) }),
      )
      .meta({ description: 'Oldest first.' }),
  })
  .meta({ id: 'ExportedConversation', example: EXAMPLES.exportedConversation })

export const exportQuery = z.object({
  format: z.enum(['json', 'markdown']).default('json').meta({ description: 'What to make of it.' }),
})

export const conversation = z
  .object({ conversation_id: id, title: z.string(), created_at: time, updated_at: time })
  .meta({ id: 'Conversation', example: EXAMPLES.conversation })

export const renameRequest = z
  .object({
    title: storable
      .trim()
      .min(1, 'must not be empty')
      .max(MAX_TITLE_CHARACTERS)
      .meta({ description: 'The new title.', example: 'Why the sky is blue' }),
  })
  .meta({ id: 'RenameRequest', example: EXAMPLES.renameRequest })

export const chooseRequest = z
  .object({
    task_id: z.uuid().toLowerCase().nullable().meta({
      description: 'A task of the batch that has an answer; null takes the choice back.',
      example: '01990b6e-7a4c-7000-8a5e-3f1c2b4d5e6f',
    }),
  })
  .meta({ id: 'ChooseRequest', example: EXAMPLES.chooseRequest })

export const conversations = z
  .object({
    conversations: z.array(conversation),
    next_cursor: z.string().nullable(),
  })
  .meta({ id: 'Conversations', example: EXAMPLES.conversations })

export const models = z
  .object({
    object: z.literal('list'),
    data: z.array(
      z.object({
        id: z.string(),
        object: z.literal('model'),
        owned_by: z.string(),
        family: z.enum(MODEL_FAMILIES.map(({ family }) => family)),
        accepts: z.array(z.string()).meta({
          description: 'What it takes in: `text`, `image`, `pdf`, `audio`, `video`.',
        }),
        makes: z.array(z.enum(['text', 'image'])),
        reasoning: z.boolean(),
        available: z.boolean().meta({ description: 'Whether a worker listens to its stream.' }),
      }),
    ),
  })
  .meta({ id: 'Models', example: EXAMPLES.models })

const dependency = z.object({
  state: z.enum(['up', 'down']),
  code: z.string().optional().meta({ description: 'What went wrong, as a code.' }),
})

export const health = z
  .object({
    status: z.enum(['ok', 'degraded']),
    dependencies: z.object({ postgres: dependency, redis: dependency }),
    workers: z
      .object({ heard_of: z.number().int(), families: z.record(z.string(), z.number().int()) })
      .nullable()
      .meta({ description: 'Workers heard of lately, in all and by family; null without Redis.' }),
  })
  .meta({ id: 'Health', example: EXAMPLES.health })

/** Without user, password, query and fragment, any of which may be a secret. */
const nodeAddress = z
  .string()
  .max(500)
  .refine((address) => {
    const url = URL.parse(address)
    return url !== null && /^https?:$/.test(url.protocol)
  }, 'must be an address that begins with http:// or https://')
  .refine((address) => {
    const { username, password, search, hash } = URL.parse(address) ?? {}
    return !(username || password || search || hash)
  }, 'must have no user, password, query or fragment')
  .transform((address) => new URL(address).href)

/** What a node says of itself, every few seconds. */
export const nodeHeartbeat = z
  .object({
    family: z.enum(MODEL_FAMILIES.map(({ family }) => family)).default('gemini'),
    url: nodeAddress.meta({
      description: 'Where it serves an OpenAI-compatible API, as the workers reach it.',
      example: 'http://10.0.0.7:8000',
    }),
    capacity: z.number().int().min(1).max(10_000).optional().meta({
      description: 'How many calls at once it takes, of all workers together.',
    }),
    weight: z.number().min(0.01).max(100).default(1).meta({
      description: 'Its share of the calls beside other nodes: 2 gets twice as many as 1.',
    }),
    status: z.enum(['HEALTHY', 'BUSY']).default('HEALTHY'),
  })
  .meta({ id: 'NodeHeartbeat', example: EXAMPLES.nodeHeartbeat })

export const nodeHeartbeatAnswer = z
  .object({
    node_id: id,
    status: z.enum(['HEALTHY', 'BUSY', '429_LIMIT', 'OFFLINE']).meta({
      description:
        '429_LIMIT and OFFLINE are what its calls have shown: it is left alone for a while.',
    }),
    beat_every_ms: z.number().int(),
    offline_after_ms: z.number().int(),
  })
  .meta({ id: 'NodeHeartbeatAnswer', example: EXAMPLES.nodeHeartbeatAnswer })

export const cursor = z.string().max(200).optional().meta({
  description: 'The `next_cursor` of the page before; without it the list begins.',
})

export const listQuery = z.object({
  limit: numberField(z.number().int().min(1).max(100))
    .default(50)
    .meta({ description: 'How many there are on a page at most.' }),
  cursor,
})

export const conversationsQuery = listQuery.extend({
  search: storable
    .max(MAX_SEARCH_CHARACTERS)
    .transform((text) => text.trim() || undefined)
    .optional()
    .meta({
      description: 'Only conversations with this text in the title or a prompt, in any case.',
      example: 'blue sky',
    }),
})

/** Every code that an error answer of the gateway can carry, with its status. */
export const ERROR_STATUS = {
  invalid_request: 400,
  unknown_model: 400,
  unauthorized: 401,
  forbidden: 403,
  not_found: 404,
  conflict: 409,
  idempotency_conflict: 422,
  payload_too_large: 413,
  unsupported_media_type: 415,
  rate_limited: 429,
  internal: 500,
  unavailable: 503,
} as const

export type ErrorCode = keyof typeof ERROR_STATUS

export const errorAnswer = z
  .object({
    error: z.object({
      code: z.enum(Object.keys(ERROR_STATUS) as [ErrorCode, ...ErrorCode[]]),
      type: z.enum(['invalid_request_error', 'api_error']),
      message: z.string(),
      param: z.string().nullable(),
      request_id: z.string(),
    }),
  })
  .meta({ id: 'Error' })

/** A file that a worker stored. `file_id` is that of an older one where the content was known. */
export const savedFile = z
  .object({ file_id: id, type: z.string(), bytes: z.number().int(), sha256: z.string() })
  .meta({ id: 'SavedFile', example: EXAMPLES.savedFile })

export type File = z.output<typeof file>
export type UploadedFiles = z.output<typeof uploadedFiles>
export type SavedFile = z.output<typeof savedFile>
export type SubmitAnswer = z.output<typeof submitAnswer>
export type Result = z.output<typeof result>
export type Task = z.output<typeof task>
export type Batch = z.output<typeof batch>
export type History = z.output<typeof history>
export type Conversation = z.output<typeof conversation>
export type Conversations = z.output<typeof conversations>
export type Models = z.output<typeof models>
export type Health = z.output<typeof health>
export type ErrorAnswer = z.output<typeof errorAnswer>
export type NodeHeartbeatAnswer = z.output<typeof nodeHeartbeatAnswer>
