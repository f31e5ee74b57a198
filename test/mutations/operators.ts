import { inFile, inStatement, type Mutation, type Row } from './mutation.ts'

const onNode = (file: string, rows: Row[]): Mutation[] =>
  inFile(
    file,
    'test/operators.test.ts',
    rows.map(([text, replacement, title]) => [text, replacement, `on node > ${title}`]),
  )

export const OPERATORS: Mutation[] = [
  ...inStatement('count-queues', [
    [
      't.family = f.family',
      'f.family IS NOT NULL',
      'what waits and what runs is counted by family, in the order asked, up to the limit',
    ],
    [
      'ORDER BY t.rung_at LIMIT $2::integer',
      'ORDER BY t.rung_at',
      'what waits and what runs is counted by family, in the order asked, up to the limit',
    ],
    [
      'ORDER BY t.rung_at LIMIT',
      'ORDER BY t.created_at LIMIT',
      'the oldest is that which was submitted first, however often it was rung since',
    ],
    [
      'min(pending.created_at)',
      'max(pending.created_at)',
      'the oldest is that which was submitted first, however often it was rung since',
    ],
    [
      'ORDER BY f.position',
      'ORDER BY f.position DESC',
      'what waits and what runs is counted by family, in the order asked, up to the limit',
    ],
  ]),
  ...onNode('edge/replay-letters.ts', [
    [
      'tasks.map(({ task_id, ...task }) => ({ ...task, taskId: task_id }))',
      '[]',
      'a replayed task is PENDING again and rung, with a line that says who did it',
    ],
    [
      'if (letterIds.length > 0) await takeBack(postgres, letterIds, requestId)',
      '',
      'a message that Redis does not take after all counts as not replayed',
    ],
    [
      '      entries,\n',
      '',
      'a replayed message is added as it was, each field as often as it stood there',
    ],
  ]),
  ...onNode('edge/routes/replay-dead-letter.ts', [
    [
      'await c.var.redis.answers()',
      'true',
      'without Redis a task is replayed, and a message is left for later',
    ],
    [
      'if (!ring && !message) throw refusal(verdict as ReplayRefusal, newer)',
      '',
      'what has since succeeded is refused, and stays as it is',
    ],
  ]),
  ...onNode('edge/routes/replay-dead-letters.ts', [
    [
      'kind, writtenBy, unreplayed',
      'kind, writtenBy: null, unreplayed',
      'all are replayed step by step, each once, and what fails meanwhile is left out',
    ],
    [
      'more && step < STEPS',
      'more',
      'all are replayed step by step, each once, and what fails meanwhile is left out',
    ],
    [
      'after = letters.at(-1)!.id',
      '',
      'all are replayed step by step, each once, and what fails meanwhile is left out',
    ],
  ]),
  ...onNode('edge/purge-letters.ts', [
    [
      'await redis.dropDeadLetterCopies()',
      '',
      'one is deleted, with the copies of all; its task stays',
    ],
  ]),
  ...onNode('edge/routes/purge-dead-letters.ts', [
    [
      'older_than_days === undefined && kind === undefined && replayed === undefined',
      'false',
      'those go that fit all that is said, and none where nothing is',
    ],
    [
      'olderThanDays: older_than_days ?? null',
      'olderThanDays: null',
      'those go that fit all that is said, and none where nothing is',
    ],
  ]),
  ...inFile('drizzle/contract/operators-api.ts', 'test/operators.test.ts', [
    [
      'z.strictObject({',
      'z.object({',
      'on node > those go that fit all that is said, and none where nothing is',
    ],
  ]),
  ...onNode('edge/upstash.ts', [
    [
      "pipeline.publish(WAKE_CHANNEL, '')\n      await execute(pipeline)\n    },\n    async streams",
      'await execute(pipeline)\n    },\n    async streams',
      'one is deleted, with the copies of all; its task stays',
    ],
    [
      'execute(pipeline, NOT_THERE)',
      'execute(pipeline)',
      'streams and queues are told of by family, in one round trip to each',
    ],
  ]),
  ...onNode('edge/stream-state.ts', [
    [
      'Math.max(entries - pending, 0)',
      'entries',
      'streams and queues are told of by family, in one round trip to each',
    ],
  ]),
  ...onNode('edge/routes/list-nodes.ts', [
    ["address.password = ''", '', 'nodes are listed with their load and state, and no secret'],
    ["address.search = ''", '', 'nodes are listed with their load and state, and no secret'],
  ]),
]
