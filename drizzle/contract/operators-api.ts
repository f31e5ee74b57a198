import { z } from 'zod'
import { cursor, id, listQuery, numberField, time } from './http-api.ts'
import { MODEL_FAMILIES } from './models.ts'
import { OPERATORS_EXAMPLES } from './operators-examples.ts'

/** What operators ask for, and what they are answered. */

const family = z.enum(MODEL_FAMILIES.map(({ family }) => family))
const kind = z.enum(['task', 'message']).meta({
  description: 'A `task` that has failed, or a `message` of a stream that could not be used.',
})

const letterShape = {
  id,
  kind,
  source: z.string().meta({ description: 'The family of a task, the stream of a message.' }),
  original_id: z.string().meta({ description: 'The id of the task, or of the entry.' }),
  error_code: z.string(),
  created_at: time,
  replayed_at: time.nullable(),
}

export const deadLettersQuery = listQuery.extend({ kind: kind.optional() })

export const deadLetters = z
  .object({
    dead_letters: z.array(z.object(letterShape)).meta({ description: 'Newest first.' }),
    next_cursor: z.string().nullable(),
  })
  .meta({ id: 'DeadLetters', example: OPERATORS_EXAMPLES.deadLetters })

export const deadLetter = z
  .object({
    ...letterShape,
    payload: z.string().meta({
      description: 'Ids and codes of the task, or the fields of the message; never a prompt.',
    }),
    error_msg: z.string(),
    copied_at: time.nullable().meta({ description: 'When it went to `sys_dead_letters`.' }),
    task_status: z.number().int().min(0).max(4).nullable().meta({
      description: 'What the task is now; null where there is none, or none any more.',
    }),
  })
  .meta({ id: 'DeadLetter', example: OPERATORS_EXAMPLES.deadLetter })

export const replayed = z
  .object({
    id,
    task_id: id.nullable().meta({ description: 'The task that is PENDING again.' }),
    stream: z.string().nullable().meta({ description: 'Where the message was added again.' }),
  })
  .meta({ id: 'Replayed', example: OPERATORS_EXAMPLES.replayed })

export const replayAllQuery = z.object({
  kind: kind.optional(),
  cursor,
})

export const replayedAll = z
  .object({
    replayed: z.number().int(),
    refused: z.number().int().meta({ description: 'What can, or need, not be replayed.' }),
    next_cursor: z.string().nullable().meta({
      description: 'Where to go on, as one request replays 1,000 at most; null at the end.',
    }),
  })
  .meta({ id: 'ReplayedAll', example: OPERATORS_EXAMPLES.replayedAll })

/** Strict: a name that is misspelt would let more go than was meant. */
export const purgeQuery = z.strictObject({
  older_than_days: numberField(z.number().min(0).max(100_000))
    .optional()
    .meta({ description: 'Only what was written longer ago.' }),
  replayed: z.literal('true').optional().meta({ description: 'Only what has been replayed.' }),
  kind: kind.optional(),
})

export const purged = z
  .object({
    purged: z.number().int(),
    more: z.boolean().meta({
      description: 'Whether others may be left that fit: one request purges 10,000 at most.',
    }),
    copies_dropped: z.boolean().meta({
      description:
        'False while Redis is away: then copies still stand in `sys_dead_letters`. Any later purge drops them.',
    }),
  })
  .meta({ id: 'Purged', example: OPERATORS_EXAMPLES.purged })

export const nodes = z
  .object({
    nodes: z
      .array(
        z.object({
          id,
          family: z.string(),
          url: z.string().meta({ description: 'Without credentials; a key is told by a hash.' }),
          kind: z.string(),
          self_registered: z.boolean(),
          status: z.enum(['HEALTHY', 'BUSY', '429_LIMIT', 'OFFLINE']).meta({
            description: 'What it says of itself, and what its calls have shown.',
          }),
          state: z.enum(['open', 'busy', 'resting', 'triable', 'silent']).meta({
            description:
              'What a claim does with it now. One of the settings is `silent` too while there are no tasks, as nobody asks it then.',
          }),
          capacity: z.number().int(),
          load: z.number().int().meta({ description: 'How many tasks hold it.' }),
          weight: z.number(),
          error_count: z.number().int(),
          retry_at: time.nullable(),
          last_heartbeat_at: time,
        }),
      )
      .meta({ description: 'By family and address, 1,000 at most.' }),
  })
  .meta({ id: 'Nodes', example: OPERATORS_EXAMPLES.nodes })

const consumer = z.object({
  name: z.string(),
  pending: z.number().int(),
  idle_ms: z.number().int(),
})

const stream = z.object({
  family,
  stream: z.string(),
  length: z.number().int(),
  lag: z.number().int().meta({ description: 'How many entries nobody has read yet.' }),
  pending: z.number().int().meta({ description: 'Read, and not acknowledged.' }),
  consumers: z.array(consumer).meta({ description: '100 at most.' }),
})

const queue = z.object({
  family,
  waiting: z.number().int().meta({ description: 'Tasks PENDING; 10,000 stands for more too.' }),
  running: z.number().int().meta({
    description: 'Tasks PROCESSING; of all families together 10,000 are counted at most.',
  }),
  oldest_waiting_s: z.number().nullable().meta({
    description: 'How long ago the oldest of those waiting was submitted; null where none waits.',
  }),
})

export const streams = z
  .object({
    redis: z
      .object({ streams: z.array(stream), dead_letters: z.number().int() })
      .nullable()
      .meta({ description: 'Null while Redis is away.' }),
    postgres: z
      .object({ queues: z.array(queue) })
      .nullable()
      .meta({ description: 'Null while Postgres is away.' }),
    away: z.array(z.enum(['redis', 'postgres'])).meta({ description: 'What is away.' }),
  })
  .meta({ id: 'Streams', example: OPERATORS_EXAMPLES.streams })

export type DeadLettersAnswer = z.output<typeof deadLetters>
export type Replayed = z.output<typeof replayed>
export type ReplayedAll = z.output<typeof replayedAll>
export type Purged = z.output<typeof purged>
export type Nodes = z.output<typeof nodes>
export type Streams = z.output<typeof streams>
export type FamilyStream = z.output<typeof stream>
