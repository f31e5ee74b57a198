import { inFile, inStatement, is, type Mutation } from './mutation.ts'

export const MACHINERY: Mutation[] = [
  ...inStatement(
    'as-json',
    [
      [
        'WHERE t.batch_id = b.id',
        '',
        'only the batch asked for, and only its own tasks, are found',
      ],
      [
        't.finished_at - t.started_at',
        't.finished_at - t.created_at',
        'a batch that has ended says when, and what each call cost in seconds',
      ],
      [
        'ORDER BY t.position',
        'ORDER BY t.position DESC',
        'the results come in the order of the request',
      ],
      [
        'p.task_id = t.id AND ',
        '',
        'while a model writes, its text so far is shown, each with its own',
      ],
      [' AND p.fence = t.fence', '', 'the text of a call that has lost its task is not shown'],
      [
        ` AND t.status ${is('PROCESSING')}`,
        '',
        'a text left behind by a call that has ended is not shown',
      ],
    ],
    'find-batch',
  ),
  ...inFile('drizzle/migrate.ts', 'test/migrations.test.ts', [
    [
      "await client.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK])",
      '',
      'four migrations at once of an empty database all succeed, and apply once',
    ],
  ]),
  ...inFile('drizzle/schema.ts', 'test/migrations.test.ts', [
    [
      "waitingSince: time('waiting_since'),",
      "waitingSince: time('waiting_since'), extra: text('extra'),",
      'schema.ts holds nothing that the migrations lack',
    ],
  ]),
  ...inFile('workers-node/gather.ts', 'test/gather.test.ts', [
    ['batch.length > 1 && error', 'batch.length > 1 && !error', 'two bad items are both found'],
    [
      'for (const { reject } of batch)',
      'for (const { reject } of [...batch, ...queue])',
      'an error rejects its own statement only: what was gathered meanwhile still goes out',
    ],
    [
      'if (flushing) return',
      '',
      'what comes while a statement runs is gathered, and goes out together after it',
    ],
    ['await Promise.resolve()\n', '\n', 'items of the same moment go out together'],
    [
      'await Promise.resolve()\n',
      'await new Promise((r) => setTimeout(r, 2))\n',
      'an item goes out at once when nothing is under way',
    ],
    ['flushing = false\n  }', '}', 'after an idle time an item goes out at once again'],
    ['items: 200', 'items: 2000', 'no more than 200 go out in one statement'],
    [
      ' || weight > limits.weight',
      '',
      'no more than the weight goes out in one statement, but one item always does',
    ],
    [
      'count === limits.items || ',
      '',
      'no more than the weight goes out in one statement, but one item always does',
    ],
    [
      'batch.length > 1 && error',
      'batch.length > 1 && !error',
      'of a statement with a bad item only that item is rejected, found by halving',
    ],
    [
      ' && error.dataAtFault',
      '',
      'an error that no item is to blame for rejects all of the statement, without halving',
    ],
  ]),
  ...inFile('workers-node/postgres.ts', 'test/gather.test.ts', [
    ['attempt === 3', 'attempt === 1', 'the door repeats a statement that a deadlock has ended'],
  ]),
]
