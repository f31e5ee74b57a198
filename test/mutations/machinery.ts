import { inFile, inStatement, is, type Mutation, source } from './mutation.ts'

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
  ...inStatement('save-logs-within-limit', [
    [
      'BURST = 300',
      'BURST = 600',
      'of more than fit at once the first are written, and the rest is dropped',
    ],
    ['A_SECOND = 5', 'A_SECOND = 50', 'a budget that is used up fills again by five a second'],
    [
      'filled.tokens - given.tokens',
      'filled.tokens',
      'what is left of the budget is less by what was written',
    ],
    ['floor(filled.tokens)', 'ceil(filled.tokens)', 'a part of a token writes no row'],
    [
      `least(${source('BURST')},\n        b.tokens`,
      `least(10 * ${source('BURST')},\n        b.tokens`,
      'however long nothing was written, no more than a burst fits',
    ],
    [
      'greatest(b.filled_at, now()) AS at',
      'now() AS at',
      'a writer whose time is behind that of the budget gains nothing by it, and writes at its time',
    ],
    [
      ', budget.filled_at\n',
      ', now()\n',
      'a writer whose time is behind that of the budget gains nothing by it, and writes at its time',
    ],
    [
      'WHERE l.position <= budget.granted',
      '',
      'of more than fit at once the first are written, and the rest is dropped',
    ],
    [
      `${source('BURST')} - least(cardinality($1::uuid[]), ${source('BURST')})`,
      source('BURST'),
      'the first two writers of all at the same moment share one budget',
    ],
  ]),
  ...inStatement('overdue', [
    [
      't.run_after <= now()\n    AND ',
      '',
      'a task that is due and was not rung is overdue, and one that is not due is not',
    ],
    [
      "t.rung_at < now() - interval '10 s'",
      't.rung_at < now()',
      'a task that was rung a moment ago is not overdue',
    ],
    [
      "interval '10 s', true",
      "interval '10 s', false",
      'a task that is due and was not rung is overdue, and one that is not due is not',
    ],
    [
      "t.lease_expires_at < now() - interval '10 s'",
      't.lease_expires_at < now()',
      'a task whose lease ran out longer than 10 s ago is overdue',
    ],
    ['ELSE false', 'ELSE true', 'a task that is run, or has ended, is not overdue'],
  ]),
]
