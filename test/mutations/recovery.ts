import { inStatement, is, type Mutation, source } from './mutation.ts'

export const RECOVERY: Mutation[] = [
  ...inStatement('reap-tasks-if-expired', [
    [
      ' AND t.lease_expires_at < $1::timestamptz',
      '',
      'a task whose lease still runs is left to its worker',
    ],
    [
      '< $1::timestamptz',
      '< now()',
      'a lease that ran out after the given moment is left to its worker',
    ],
    [' LIMIT $3::integer', '', 'no more than the limit is reaped at a time'],
    [
      'FOR UPDATE SKIP LOCKED',
      'FOR UPDATE',
      'a task whose lease is renewed at the moment is left alone, and nobody waits for it',
    ],
    [
      'FOR UPDATE SKIP LOCKED',
      '',
      'a task whose lease is renewed at the moment is left alone, and nobody waits for it',
    ],
  ]),
  ...inStatement('ring-tasks-if-lost', [
    [`t.status ${is('PENDING')} AND `, '', 'a task that is being processed is not rung'],
    ['AND t.run_after <= now()', '', 'a task that is not yet due is not rung'],
    [
      'ORDER BY t.rung_at',
      'ORDER BY t.rung_at DESC',
      'no more than the limit is rung at a time, the longest silent first',
    ],
    [
      'FOR UPDATE SKIP LOCKED',
      'FOR UPDATE',
      'a task that is claimed at the moment is not rung, and nobody waits for it',
    ],
    [
      'FOR UPDATE SKIP LOCKED',
      '',
      'a task that is claimed at the moment is not rung, and nobody waits for it',
    ],
    [
      'SET rung_at = now()',
      'SET rung_at = t.rung_at',
      'a ring is noted, so that a second look finds nothing',
    ],
  ]),
  ...inStatement('forget-old-rows', [
    [
      `l.created_at < now() - interval '${source('LOGS_KEPT_DAYS')} days'`,
      'true',
      'a line of the log goes after 30 days, one that says who did something stays',
    ],
    [
      " AND l.level <> 'audit'",
      '',
      'a line of the log goes after 30 days, one that says who did something stays',
    ],
    [
      'ORDER BY l.created_at LIMIT $1::integer',
      'ORDER BY l.created_at',
      'no more lines than the limit go at a time, the oldest first',
    ],
    [
      'ORDER BY l.created_at LIMIT',
      'ORDER BY l.created_at DESC LIMIT',
      'no more lines than the limit go at a time, the oldest first',
    ],
    [
      'FOR UPDATE SKIP LOCKED\n), unlogged',
      'FOR UPDATE\n), unlogged',
      'a line that another sweep is about to forget is left to it, and nobody waits',
    ],
    [
      `WHERE created_at < now() - interval '${source('KEYS_KEPT_H')} h'`,
      '',
      'a key of 25 hours goes, one of 23 stays',
    ],
    [
      'k.owner = o.owner AND ',
      '',
      'the young key of another owner stays, though it is the same text',
    ],
    [' AND k.key = o.key', '', 'the young key of the same owner stays'],
    [
      'ORDER BY created_at LIMIT $1::integer',
      'ORDER BY created_at',
      'no more keys than the limit go at a time, the oldest first',
    ],
    [
      'ORDER BY created_at LIMIT',
      'ORDER BY created_at DESC LIMIT',
      'no more keys than the limit go at a time, the oldest first',
    ],
    [
      'FOR UPDATE SKIP LOCKED\n), forgotten',
      'FOR UPDATE\n), forgotten',
      'a key that another sweep is about to forget is left to it, and nobody waits',
    ],
    [
      `p.updated_at < now() - interval '${source('PARTIALS_KEPT_MIN')} min'`,
      'true',
      'the text of a call that has ended stays while it may still be written',
    ],
    [
      'AND NOT EXISTS (SELECT FROM tasks t',
      'AND EXISTS (SELECT FROM tasks t',
      'the text of a task that is gone goes',
    ],
    [
      'AND NOT EXISTS (SELECT FROM tasks t',
      'AND 0 = ALL (SELECT 0 FROM tasks t',
      'the text of a running call stays',
    ],
    [
      't.id = p.task_id AND ',
      '',
      'the text of a task that is gone goes, though another runs at the same fence',
    ],
    [' AND t.fence = p.fence', '', 'the text of a call that has lost its task to another goes'],
    [` AND t.status ${is('PROCESSING')}`, '', 'a text left behind by a call that has ended goes'],
    [
      'ORDER BY p.task_id LIMIT $1::integer',
      'ORDER BY p.task_id',
      'no more texts than the limit go at a time',
    ],
    [
      'FOR UPDATE SKIP LOCKED\n), dropped',
      'FOR UPDATE\n), dropped',
      'a text that another sweep is about to forget is left to it, and nobody waits',
    ],
    [' WHERE p.task_id = o.task_id', '', 'the text of a running call stays'],
  ]),
  ...inStatement(
    'take-back',
    [
      [
        'pg_postmaster_start_time() < now() -',
        'now() > now() -',
        'nothing is reaped within one lease of the start of the server',
      ],
      [
        'fence = t.fence + 1, ',
        '',
        'an expired task is PENDING at a new fence with one death more, and tells how to ring it',
      ],
      [
        ', deaths = t.deaths + 1',
        '',
        'an expired task is PENDING at a new fence with one death more, and tells how to ring it',
      ],
      [
        'rung_at = now(), ',
        '',
        'an expired task is PENDING at a new fence with one death more, and tells how to ring it',
      ],
      [
        `WHERE t.id = ANY (ARRAY(SELECT id FROM ${source('dead')}))`,
        `WHERE t.status ${is('PROCESSING')}`,
        'a task whose lease still runs is left to its worker',
      ],
    ],
    'reap-tasks-if-expired',
  ),
  ...inStatement('reap-tasks-if-expired', [
    [
      source("upForLease('$2')"),
      '$2::integer > 0',
      'nothing is reaped within one lease of the start of the server',
    ],
  ]),
  ...inStatement(
    'take-back',
    [
      [
        ', watched = false',
        '',
        'the task of a dead holder is PENDING at a new fence, and tells how to ring it',
      ],
    ],
    'reap-tasks-if-holder-missing',
  ),
  ...inStatement('reap-tasks-if-holder-missing', [
    [
      '\n    AND t.worker_key NOT IN (SELECT key FROM session_lock)',
      '',
      'a holder that is back keeps its tasks, though it was missing before',
    ],
    [
      'AND t.worker_key = ANY ($1::bigint[])',
      'AND $1::bigint[] IS NOT NULL',
      'only the tasks of the holders that are named are taken',
    ],
    [
      `\n    AND t.lease_expires_at < now() + ($2::integer - ${source('UNRENEWED_MS')}) * interval '1 ms'`,
      '',
      'a holder that goes on renewing keeps its tasks, though its lock is gone',
    ],
    [
      'UNRENEWED_MS = 1_100',
      'UNRENEWED_MS = 900',
      'a holder that has missed one renewal keeps its tasks, though its lock is gone',
    ],
    [' AND t.watched', '', 'a task that was claimed without the lock lives by its lease'],
    [
      source("upForLease('$2')"),
      '$2::integer > 0',
      'nothing is reaped within one lease of the start of the server',
    ],
    ['LIMIT $3::integer', 'LIMIT 100 * $3::integer', 'no more than the limit is reaped at a time'],
    [
      'FOR UPDATE SKIP LOCKED',
      'FOR UPDATE',
      'a task that its holder renews at the moment is left alone, and nobody waits for it',
    ],
    [
      'FOR UPDATE SKIP LOCKED',
      '',
      'a task that its holder renews at the moment is left alone, and nobody waits for it',
    ],
  ]),
  ...inStatement(
    'session-locks',
    [
      [
        'l.classid::bigint << 32',
        'l.classid::bigint << 31',
        'a holder whose session is there is present, whole to the last bit of its key',
      ],
      [
        'l.objid::bigint',
        '(l.objid::bigint & 2147483647)',
        'a holder whose session is there is present, whole to the last bit of its key',
      ],
      [
        ' AND l.objsubid = 1',
        '',
        'a lock on a pair of numbers is not one on the key that they would make',
      ],
      [
        '\n    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())',
        '',
        'a lock of the same key in another database does not count',
      ],
    ],
    'find-missing-holders',
  ),
  ...inStatement('find-missing-holders', [
    [
      ' WHERE key NOT IN (SELECT key FROM session_lock)',
      '',
      'a holder whose session is there is present, whole to the last bit of its key',
    ],
    ['SELECT DISTINCT', 'SELECT', 'a holder of many tasks is missing once'],
    [' AND t.watched', '', 'a holder that had no lock when it claimed is never missing'],
    [`t.status ${is('PROCESSING')} AND `, '', 'who ran only what has ended is not missing'],
  ]),
  ...inStatement('take-session-lock', [
    [
      'pg_try_advisory_lock(',
      'pg_try_advisory_lock_shared(',
      'a key that nobody holds is taken, and can then be had by no other session',
    ],
    [
      'pg_try_advisory_lock($1::bigint)',
      'pg_advisory_lock($1::bigint) IS NULL',
      'nobody waits for a key',
    ],
    [
      'pg_try_advisory_lock(',
      'pg_try_advisory_xact_lock(',
      'a key outlives the transaction that took it',
    ],
    ['$1::bigint', '$1::bigint & 4294967295', 'keys are told apart by every bit'],
  ]),
  ...inStatement('ring-tasks-if-due', [
    [
      'SET rung_at = now()',
      'SET rung_at = t.rung_at',
      'a ring is noted, so that a second look finds nothing',
    ],
    [' AND t.run_after <= now()', '', 'a task that is not due yet is left alone'],
    [' AND t.rung_at IS NULL', '', 'a task that was rung already is left alone'],
    [`t.status ${is('PENDING')} AND `, '', 'a task that runs or has ended is not rung'],
    [
      'ORDER BY t.run_after',
      'ORDER BY t.run_after DESC',
      'no more than the limit is rung at a time, the longest due first',
    ],
    [
      'LIMIT $1::integer',
      'LIMIT 100 * $1::integer',
      'no more than the limit is rung at a time, the longest due first',
    ],
    [
      'FOR UPDATE SKIP LOCKED',
      'FOR UPDATE',
      'a task that another sweep is ringing is left to it, and nobody waits',
    ],
    [
      'FOR UPDATE SKIP LOCKED',
      '',
      'a task that another sweep is ringing is left to it, and nobody waits',
    ],
    [
      'WHERE t.id = ANY (ARRAY(SELECT id FROM due))',
      'WHERE EXISTS (SELECT FROM due)',
      'no more than the limit is rung at a time, the longest due first',
    ],
  ]),
  ...inStatement('ring-tasks-if-lost', [
    [' AND t.family = reading.family', '', 'the tasks of another family are not rung'],
    [
      ` - interval '${source('LOST_AFTER_S')} s'`,
      '',
      'a task that was rung less than 10 s ago is left alone',
    ],
    [
      " - reading.age_ms * interval '1 ms'",
      '',
      'a task whose message still waits its turn is left alone',
    ],
    [
      'LIMIT $3::integer',
      'LIMIT 100 * $3::integer',
      'no more than the limit is rung at a time, the longest silent first',
    ],
    [
      ' AND t.family = reading.family',
      '',
      'several families are looked at in one statement, each by its own reading',
    ],
    ['Math.max(ageMs, 0)', 'ageMs', 'an entry that seems to lie in the future counts as of now'],
    ['\n  ) task\n', '\n  ) task LIMIT $3::integer\n', 'the limit is that of each family'],
    [
      't.rung_at < $4::timestamptz',
      't.rung_at < greatest(now(), $4::timestamptz)',
      'what was rung after the given moment is left alone, however long ago that is',
    ],
    [
      't.rung_at < $4::timestamptz',
      "coalesce(t.rung_at, '-infinity') < $4::timestamptz",
      'a task that was put off and not rung yet is left to its due time',
    ],
  ]),
  ...inStatement(
    'ring-tasks-if-lost',
    [
      [
        'WHERE t.id = ANY (ARRAY(SELECT id FROM lost))',
        'FROM lost WHERE t.id = lost.id',
        'nor when the planner knows how long the backlog is',
      ],
    ],
    'lookout-plans',
  ),
  ...inStatement(
    'ring-tasks-if-due',
    [
      [
        't.rung_at IS NULL',
        'coalesce(t.rung_at) IS NULL',
        'with cold statistics nothing that is looked after is searched through the backlog',
      ],
    ],
    'lookout-plans',
  ),
  ...inStatement('find-next-times', [
    [
      'min(t.lease_expires_at)',
      'max(t.lease_expires_at)',
      'the first lease that ends is found, whosever it is',
    ],
    [
      'ORDER BY t.run_after LIMIT 1',
      'ORDER BY t.run_after DESC LIMIT 1',
      'the first task that is due of those not rung is found',
    ],
    [
      'ORDER BY t.rung_at LIMIT 1',
      'ORDER BY t.rung_at DESC LIMIT 1',
      'the oldest ring of any family is found, by when it may count as lost',
    ],
    [
      'SELECT min($',
      'SELECT max($',
      'the oldest ring of any family is found, by when it may count as lost',
    ],
    [
      ' AND t.family = f.family',
      '',
      'the oldest ring of any family is found, by when it may count as lost',
    ],
    [
      ` + interval '${source('LOST_AFTER_S')} s'`,
      '',
      'the oldest ring of any family is found, by when it may count as lost',
    ],
    [
      `t.status ${is('PENDING')} AND t.rung_at`,
      't.rung_at',
      'a ring of a task that runs counts no more',
    ],
    [
      `t.status ${is('PENDING')} AND t.family`,
      't.family',
      'a ring of a task that runs counts no more',
    ],
    [
      ' AND t.rung_at IS NULL',
      '',
      'of a task that is put off only the due time counts, and of one that was rung only its ring',
    ],
  ]),
  ...inStatement(
    'find-next-times',
    [
      [
        `WHERE t.status ${is('PROCESSING')})`,
        'WHERE true)',
        'with cold statistics nothing that is looked after is searched through the backlog',
      ],
    ],
    'lookout-plans',
  ),
]
