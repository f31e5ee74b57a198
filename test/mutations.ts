/**
 * What `npm run mutate` takes away, one at a time: a guard, a lock or a count, and the test that
 * must go red without it.
 *
 * Not in the table, as no test can show them:
 * - claim: `DISTINCT ON (seen.id)`. Without it `UPDATE … FROM` still moves the row once; which of
 *   the two messages then has it is chance.
 * - claim, submit: the final `ORDER BY`. The plans of today keep the order by themselves; the tests
 *   look at the order all the same.
 * - submit: `NOT key.fresh` where the known tasks are joined, and the last `EXISTS (SELECT FROM
 *   task)`. What is fresh has no task yet in the sight of its own statement, and always gets some.
 * - settle: `FOR UPDATE` itself (its order is in the table). The update behind it locks the same
 *   rows, in an order that the plan happens to have.
 * - reap: the status. A CHECK constraint ties the lease to it; it is there for the index.
 * - reap: `ORDER BY t.id`. With SKIP LOCKED it waits for nobody, so that no order can deadlock.
 * - dead messages: `WHERE kind = 'message'`. Without it the statement names no index, and is refused.
 * - gather: `count > 0`. Without it an item over the weight never goes out, and the test never ends.
 * - what a CHECK constraint forces, such as `lease_expires_at = NULL`: see `schema.test.ts`.
 */

export type Mutation = {
  file: string
  /** Occurs exactly once in the file. */
  text: string
  replacement: string
  test: string
  title: string
}

type Row = [text: string, replacement: string, title: string]

const inFile = (file: string, test: string, rows: Row[]): Mutation[] =>
  rows.map(([text, replacement, title]) => ({ file, text, replacement, test, title }))

const inStatement = (name: string, rows: Row[], test = name): Mutation[] =>
  inFile(`drizzle/statements/${name}.ts`, `test/statements/${test}.test.ts`, rows)

/** A placeholder in the source of a statement. */
const source = (expression: string) => `\${${expression}}`
const is = (status: 'PENDING' | 'PROCESSING' | 'SUCCESS') => `= ${source(`TaskStatus.${status}`)}`

const OPEN = `(${source('TaskStatus.PENDING')}, ${source('TaskStatus.PROCESSING')})`
const AS_NAMED = 'ORDER BY array_position($1::uuid[], t.id)'

export const MUTATIONS: Mutation[] = [
  ...inStatement('submit-batch', [
    [
      'AND c.owner = $1 AND',
      'AND $1::text IS NOT NULL AND',
      'a conversation of another owner gives no row and stores nothing',
    ],
    [
      ' AND NOT $7::boolean\n  FOR UPDATE',
      '\n  FOR UPDATE',
      'the repeated submit of a new conversation does not wait for those who go on with it',
    ],
    [
      '\n  FOR UPDATE\n',
      '\n',
      'a conversation that is deleted at the same moment gives no row and stores no key',
    ],
    ['\n  FOR UPDATE\n', '\n', 'a submit waits for its conversation before it takes its key'],
    [
      'WHERE $7::boolean OR EXISTS (SELECT FROM owned)',
      'WHERE $7::boolean IS NOT NULL',
      'an unknown conversation gives no row and stores nothing, no key either',
    ],
    [
      'DO UPDATE SET key = excluded.key',
      'DO NOTHING',
      'two submits with one key at the same moment store one batch and both get its ids',
    ],
    [
      'c.id = owned.id AND key.fresh',
      'c.id = owned.id',
      'the same key again in a continued conversation stores nothing more',
    ],
    [
      'WHERE key.fresh AND $7::boolean',
      'WHERE $7::boolean',
      'the same key again gives the first batch and stores nothing more',
    ],
    [
      'WHERE key.fresh AND $7::boolean',
      'WHERE $7::boolean',
      'the very same statement again stores once',
    ],
    [
      'WHERE key.fresh AND $7::boolean',
      'WHERE key.fresh',
      'counts the turns of a continued conversation',
    ],
    [
      'turns = c.turns + 1',
      'turns = c.turns',
      'two submits to one conversation at the same moment get different turns',
    ],
    [
      'turns = c.turns + 1, updated_at = now()',
      'turns = c.turns + 1',
      'a continued conversation counts as changed now',
    ],
    [
      'cardinality($6::uuid[]), cardinality($6::uuid[])',
      '1, 1',
      'stores every column of conversation, batch and tasks',
    ],
    ['$1, $8, 1 FROM key', '$1, $8, 0 FROM key', 'counts the turns of a continued conversation'],
    ['coalesce(known.fence, 0)', '0', 'the same key again reports the fences and states of now'],
    ['coalesce(known.status, 0)', '0', 'the same key again reports the fences and states of now'],
  ]),

  ...inStatement('claim-tasks-if-pending', [
    [
      '\n    AND message.family = seen.family',
      '',
      'a message in the stream of another family claims nothing',
    ],
    [
      "WHEN message.family <> seen.family THEN 'stray'",
      '',
      'a message in the stream of another family claims nothing',
    ],
    [
      'history ON true\nORDER BY message.position',
      'history ON true\nORDER BY message.position DESC',
      'the verdicts come in the order of the messages',
    ],
    [
      'ORDER BY t.id FOR UPDATE',
      'ORDER BY t.id',
      'of two claims of one task at the same moment one is stale',
    ],
    [
      'ORDER BY t.id FOR UPDATE',
      `${AS_NAMED} FOR UPDATE`,
      'claims that name the same tasks in opposite orders do not deadlock',
    ],
    [' AND message.fence = seen.fence', '', 'an old fence is stale, though the task is PENDING'],
    [
      ' AND message.fence = seen.fence',
      ' AND message.fence >= seen.fence',
      'a fence that the task has not reached is told apart, and changes nothing',
    ],
    [
      `seen.status ${is('PENDING')} AND `,
      '',
      'a task that is being processed is not claimed, at its own fence either',
    ],
    [
      `seen.status ${is('PENDING')} AND `,
      '',
      'a task that has ended is not claimed, at its own fence either',
    ],
    [' AND seen.run_after <= now()', '', 'a task that is not yet due is not claimed'],
    [
      'ORDER BY seen.id, message.position',
      'ORDER BY seen.id, message.position DESC',
      'a doubled message in one call claims once, and the first of the two has it',
    ],
    [
      ' AND claimed.claimed_by = message.position',
      '',
      'a doubled message in one call claims once, and the first of the two has it',
    ],
    ['fence = t.fence + 1', 'fence = t.fence', 'a claim gives all that the call needs'],
    ['attempt = t.attempt + 1', 'attempt = 1', 'a second attempt counts and starts anew'],
    [', waiting_since = NULL', '', 'a claim stores its holder, the lease and the start'],
    [
      'now() + $7::integer',
      'now() + 2 * $7::integer',
      'a claim stores its holder, the lease and the start',
    ],
    [
      'started_at = now()',
      'started_at = coalesce(t.started_at, now())',
      'a second attempt counts and starts anew',
    ],
    [
      "WHEN message.fence > seen.fence THEN 'future'",
      '',
      'a fence that the task has not reached is told apart, and changes nothing',
    ],
    ["WHEN seen.id IS NULL THEN 'unknown'", '', 'a message that names no task is told apart'],
  ]),
  ...inStatement(
    'claim-tasks-if-pending',
    [
      [
        'WHERE t.id = ANY ($1::uuid[])',
        `WHERE t.id IN (SELECT task_id FROM message) AND t.status ${is('PENDING')}`,
        'with cold statistics a claim finds its tasks by their keys, not through the backlog',
      ],
      [
        'WHERE t.id = ANY ($1::uuid[])',
        'WHERE t.id::text = ANY (($1::uuid[])::text[])',
        'the plan that a prepared claim is kept with finds its tasks by their keys too',
      ],
    ],
    'claim-plan',
  ),

  ...inStatement('history-of-task', [
    [
      `a.status ${is('SUCCESS')}`,
      'a.status > 0',
      'a model whose own call failed sees the answer of another',
    ],
    [
      `a.status ${is('SUCCESS')}`,
      'a.status > 0',
      'a failed turn takes no place from the turns that are kept',
    ],
    [
      'LIMIT message.history_turns',
      'LIMIT (SELECT max(history_turns) FROM message)',
      'each of the tasks claimed together gets the history that its own bounds allow',
    ],
    [
      'fitting.characters <= message.history_characters',
      'fitting.characters <= (SELECT max(history_characters) FROM message)',
      'each of the tasks claimed together gets the history that its own bounds allow',
    ],
    [
      `a.status ${is('SUCCESS')}`,
      'a.response_text IS NOT NULL',
      'a failed turn leaves no trace, even where its text was kept',
    ],
    [
      'AND a.finished_at <= b.created_at',
      '',
      'an answer that ended after the batch was made is not in its history',
    ],
    ['(a.model = claimed.model) DESC, ', '', 'a model sees its own answer of a turn'],
    [
      '(a.model = claimed.model) DESC, (a.slot = claimed.slot) DESC',
      '(a.slot = claimed.slot) DESC, (a.model = claimed.model) DESC',
      'the own model counts for more than the slot',
    ],
    [' (a.slot = claimed.slot) DESC,', '', 'of two slots of one model each sees its own answers'],
    [
      'a.finished_at, a.position',
      'a.position',
      'a model without an answer of its own sees the first that succeeded',
    ],
    [
      'a.finished_at, a.position',
      'a.finished_at, a.position DESC',
      'of answers that ended together the one named first in the batch is seen',
    ],
    [
      'earlier.conversation_id = b.conversation_id AND ',
      '',
      'another conversation is never in the history',
    ],
    [
      ' AND earlier.turn < b.turn',
      '',
      'a later turn is not in the history, whatever its times say',
    ],
    ['LIMIT message.history_turns', '', 'no more than the bound of turns is carried: the newest'],
    [
      'ORDER BY earlier.turn DESC',
      'ORDER BY earlier.turn',
      'no more than the bound of turns is carried: the newest',
    ],
    [
      'WHERE fitting.characters <= message.history_characters',
      '',
      'no more than the bound of characters is carried: the newest, prompts and answers counted',
    ],
    [
      'length(recent.user_prompt) + ',
      '',
      'no more than the bound of characters is carried: the newest, prompts and answers counted',
    ],
    [
      'OVER (ORDER BY recent.turn DESC)',
      'OVER (ORDER BY recent.turn)',
      'no more than the bound of characters is carried: the newest, prompts and answers counted',
    ],
    [
      'ORDER BY fitting.turn)',
      'ORDER BY fitting.turn DESC)',
      'the earlier turns come oldest first, each with its prompt and answer',
    ],
  ]),

  ...inStatement('finish-tasks-if-held', [
    [
      ' AND o.fence = seen.fence',
      '',
      'where one is held and one is lost, the one is finished and returned',
    ],
    [',\n    first_token_ms = o.first_token_ms', '', 'a success is stored with all its columns'],
    ['error_code = o.error_code', "error_code = 'internal'", 'a failure is stored with its reason'],
    [' AND o.fence = seen.fence', '', 'an old fence finishes nothing'],
    [
      ` AND seen.status ${is('PROCESSING')}`,
      '',
      'a task that is not being processed is not finished, at its own fence either',
    ],
    [
      ` AND seen.status ${is('PROCESSING')}`,
      '',
      'a second finish changes nothing: the first answer stands and is counted once',
    ],
    [
      'ORDER BY t.id FOR UPDATE',
      'ORDER BY t.id',
      'of two finishes of one task at the same moment one is lost',
    ],
    [
      'ORDER BY t.id FOR UPDATE',
      'ORDER BY t.id',
      'a task that is taken back at the same moment is not finished',
    ],
    [
      'ORDER BY t.id FOR UPDATE',
      `${AS_NAMED} FOR UPDATE`,
      'finishes that name the same tasks in opposite orders do not deadlock',
    ],
    [
      'ORDER BY t.id FOR UPDATE',
      `${AS_NAMED} FOR UPDATE`,
      'many finishes in opposite orders at once never deadlock, and every batch ends',
    ],
    [
      'DELETE FROM task_partials p USING finished WHERE p.task_id = finished.id',
      'SELECT 1',
      'a finish removes the text of the call so far, and nobody else’s',
    ],
    [
      'WHERE p.task_id = finished.id',
      '',
      'a finish removes the text of the call so far, and nobody else’s',
    ],
  ]),
  ...inStatement(
    'finish-tasks-if-held',
    [
      [
        'WHERE p.task_id = finished.id',
        'WHERE p.task_id <> finished.id',
        'a finish waits for a save under way, and removes what it saved',
      ],
    ],
    'save-partials-if-held',
  ),

  ...inStatement(
    'settle-batches',
    [
      [
        'open_tasks = b.open_tasks + c.open',
        'open_tasks = b.open_tasks',
        'a batch stays open until its last task has ended',
      ],
      [
        'success_tasks = b.success_tasks + c.success',
        'success_tasks = b.success_tasks',
        'a batch of only successes ends COMPLETED, counted in one statement',
      ],
      [
        'failed_tasks = b.failed_tasks + c.failed',
        'failed_tasks = b.failed_tasks',
        'a batch of only failures ends FAILED, counted in one statement',
      ],
      [
        'GROUP BY batch_id',
        'GROUP BY batch_id, random()',
        'a batch of some of both ends PARTIAL, counted in one statement',
      ],
      [
        'b.open_tasks + c.open = 0 THEN',
        'c.open < 0 THEN',
        'a batch stays open until its last task has ended',
      ],
      [
        'finished_at = CASE WHEN b.open_tasks + c.open = 0 THEN now() END',
        'finished_at = CASE WHEN NOT EXISTS (SELECT FROM tasks t WHERE t.batch_id = b.id AND t.status IN (0, 3) AND t.id NOT IN (SELECT id FROM finished)) THEN now() END',
        'two tasks of a batch that finish at the same moment end it',
      ],
      [
        'ORDER BY b.id FOR UPDATE',
        'ORDER BY random() FOR UPDATE',
        'finishes of the same batches do not deadlock on them',
      ],
      [
        'WHERE b.id = c.batch_id',
        'WHERE true',
        'tasks of several batches finish in one statement, each counted in its own',
      ],
    ],
    'finish-tasks-if-held',
  ),
  ...inStatement('settle-batches', [
    [
      ` - count(*) FILTER (WHERE ${source("test('old_status')")})`,
      '',
      'a cancelled task that is opened again is one cancelled less, one open more',
    ],
    [
      ` - count(*) FILTER (WHERE ${source("test('old_status')")})`,
      '',
      'a success that is opened again is one success less, one open more',
    ],
    [
      ` - count(*) FILTER (WHERE ${source("test('old_status')")})`,
      '',
      'a move between open states changes nothing',
    ],
    [
      'cancelled_tasks = b.cancelled_tasks + c.cancelled',
      'cancelled_tasks = b.cancelled_tasks',
      'a PENDING task that is cancelled is one open less, one cancelled more',
    ],
    [
      ` - count(*) FILTER (WHERE ${source("test('old_status')")})`,
      '',
      'a failed task that is tried again is one failure less, one open more',
    ],
    [
      `count(*) FILTER (WHERE ${source("test('new_status')")})`,
      '0',
      'a task that succeeds is one open less, one success more',
    ],
    [
      OPEN,
      `(${source('TaskStatus.PROCESSING')})`,
      'a PENDING task that is cancelled is one open less, one cancelled more',
    ],
    [
      OPEN,
      `(${source('TaskStatus.PENDING')})`,
      'a task that fails is one open less, one failure more',
    ],
    ['GROUP BY batch_id', 'GROUP BY batch_id, random()', 'two tasks of one batch are both counted'],
    [
      'finished_at = CASE WHEN b.open_tasks + c.open = 0 THEN now() END',
      'finished_at = CASE WHEN b.open_tasks + c.open = 0 THEN now() ELSE b.finished_at END',
      'a batch has its time of ending when none is open, and loses it when it is opened again',
    ],
    ['WHERE b.id = c.batch_id', 'WHERE true', 'other batches are left alone'],
  ]),

  ...inStatement('renew-leases-if-held', [
    [' AND held.fence = seen.fence', '', 'a lease at an old fence is not renewed; the others are'],
    [
      ` AND seen.status ${is('PROCESSING')}`,
      '',
      'a task that is not being processed has no lease to renew, at its own fence either',
    ],
    [
      'ORDER BY t.id FOR UPDATE',
      'ORDER BY t.id',
      'a lease that is taken back at the same moment is not renewed; the others are',
    ],
    [
      'ORDER BY t.id FOR UPDATE',
      `${AS_NAMED} FOR UPDATE`,
      'renewals that name the same tasks in opposite orders do not deadlock',
    ],
    [
      "now() + $3::integer * interval '1 ms'",
      "t.lease_expires_at + $3::integer * interval '0 ms'",
      'a held lease ends the given time from now, and is returned as held',
    ],
  ]),

  ...inStatement('save-partials-if-held', [
    [
      ' AND seen.fence = partial.fence',
      '',
      'an old fence saves nothing; the others of the statement are saved',
    ],
    [
      `WHERE seen.status ${is('PROCESSING')}\n`,
      'WHERE true\n',
      'a task that is not being processed keeps no text, at its own fence either',
    ],
    [
      'ORDER BY t.id FOR SHARE',
      'ORDER BY t.id',
      'a save that meets a finish waits for it, and then saves nothing',
    ],
    [
      'ORDER BY t.id FOR SHARE',
      'ORDER BY t.id',
      'a first text saved while its finish waits is shown to nobody, and is forgotten',
    ],
    [
      'ORDER BY t.id FOR SHARE',
      `${AS_NAMED} FOR SHARE`,
      'a save and a finish that name the same tasks in opposite orders do not deadlock',
    ],
    [
      'DO UPDATE SET fence = excluded.fence, updated_at',
      'DO UPDATE SET updated_at',
      'the text of the next holder takes the place of the last one’s, at the new fence',
    ],
    [
      'updated_at = now(),\n',
      '\n',
      'a later text takes the place of the earlier one, with its time',
    ],
    [
      'response_text = excluded.response_text, ',
      '',
      'a later text takes the place of the earlier one, with its time',
    ],
    [
      ', reasoning_text = excluded.reasoning_text',
      '',
      'a later text takes the place of the earlier one, with its time',
    ],
  ]),

  ...inStatement('release-tasks-if-held', [
    [' AND held.fence = seen.fence', '', 'an old fence releases nothing'],
    [
      ` AND seen.status ${is('PROCESSING')}`,
      '',
      'a task that is not being processed is not released, at its own fence either',
    ],
    [
      'ORDER BY t.id FOR UPDATE',
      'ORDER BY t.id',
      'a task that finishes at the same moment is not released',
    ],
    [
      'ORDER BY t.id FOR UPDATE',
      `${AS_NAMED} FOR UPDATE`,
      'releases that name the same tasks in opposite orders do not deadlock',
    ],
    [
      'fence = t.fence + 1',
      'fence = t.fence',
      'a released task is PENDING at a new fence, due and rung now, and tells how to ring it',
    ],
    [
      'rung_at = now(),',
      '',
      'a released task is PENDING at a new fence, due and rung now, and tells how to ring it',
    ],
    [
      'fence = t.fence + 1',
      'fence = t.fence + 1, deaths = t.deaths + 1',
      'a release counts neither as a failure nor as a death, and leaves the batch as it is',
    ],
    [
      'fence = t.fence + 1',
      'fence = t.fence + 1, failures = t.failures + 1',
      'a release counts neither as a failure nor as a death, and leaves the batch as it is',
    ],
  ]),

  ...inStatement('reap-tasks-if-expired', [
    [' AND t.lease_expires_at < now()', '', 'a task whose lease still runs is left to its worker'],
    [
      'AND pg_postmaster_start_time() < now() -',
      'AND now() > now() -',
      'nothing is reaped within one lease of the start of the server',
    ],
    [' LIMIT $2::integer', '', 'no more than the limit is reaped at a time'],
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
      'rung_at = now(),',
      '',
      'an expired task is PENDING at a new fence with one death more, and tells how to ring it',
    ],
  ]),

  ...inStatement('ring-tasks-if-lost', [
    [`t.status ${is('PENDING')} AND `, '', 'a task that is being processed is not rung'],
    [' AND t.family = $1', ' AND $1::text IS NOT NULL', 'the tasks of another family are not rung'],
    [
      `\n      - interval '${source('LOST_AFTER_S')} s'`,
      '',
      'a task that was rung less than 10 s ago is left alone',
    ],
    [
      'coalesce(to_timestamp($2::float8 / 1000), now())',
      'coalesce(now(), to_timestamp($2::float8 / 1000))',
      'a task whose message still waits its turn behind the last delivered one is left alone',
    ],
    [
      'coalesce(to_timestamp($2::float8 / 1000), now())',
      'to_timestamp($2::float8 / 1000)',
      'a due task that was rung 10 s ago or more is rung again, and tells how',
    ],
    ['AND t.run_after <= now()', '', 'a task that is not yet due is not rung'],
    [
      ' LIMIT $3::integer',
      '',
      'no more than the limit is rung at a time, the longest silent first',
    ],
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

  ...inStatement('save-dead-messages', [
    [
      'm.error_code, m.error_msg\n',
      'm.error_msg, m.error_code\n',
      'bad messages are kept with origin, payload and reason',
    ],
    [
      "\nON CONFLICT (source, original_id) WHERE kind = 'message' DO NOTHING",
      '',
      'the same entry of a stream is kept once, as it was first',
    ],
    [
      "\nON CONFLICT (source, original_id) WHERE kind = 'message' DO NOTHING",
      '',
      'the same entry twice in one statement is kept once',
    ],
  ]),

  ...inStatement('forget-old-rows', [
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

  ...inStatement('find-batch', [
    [
      'b.owner = $1 AND ',
      '$1::text IS NOT NULL AND ',
      'a batch of another owner is not found, nor is one that does not exist',
    ],
    [
      'b.id = $2::uuid',
      '$2::uuid IS NOT NULL',
      'only the batch asked for, and only its own tasks, are found',
    ],
  ]),
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
  ...inStatement('find-task', [
    [
      't.owner = $1 AND ',
      '$1::text IS NOT NULL AND ',
      'a task of another owner is not found, nor is one that does not exist',
    ],
    ['t.id = $2::uuid', '$2::uuid IS NOT NULL', 'only the task asked for is found'],
  ]),
  ...inStatement('find-history', [
    [
      'WHERE c.owner = $1 AND ',
      'WHERE $1::text IS NOT NULL AND ',
      'a conversation of another owner is not found, nor is one that does not exist',
    ],
    [
      'c.id = $2::uuid',
      '$2::uuid IS NOT NULL',
      'the batches of another conversation are not in it',
    ],
    ['b.conversation_id = c.id AND ', '', 'the batches of another conversation are not in it'],
    [
      'b.turn > $3::integer',
      '$3::integer IS NOT NULL',
      'a page starts after its turn and holds no more than its limit',
    ],
    [' LIMIT $4::integer', '', 'a page starts after its turn and holds no more than its limit'],
    [
      'ORDER BY b.turn',
      'ORDER BY b.turn DESC',
      'a page starts after its turn and holds no more than its limit',
    ],
    [
      'ORDER BY page.turn',
      'ORDER BY page.turn DESC',
      'the batches come oldest first, with title and turns, in the shape of the contract',
    ],
    ['LEFT JOIN LATERAL', 'JOIN LATERAL', 'a page past the end tells the title and no batch'],
  ]),
  ...inStatement('list-conversations', [
    ['c.owner = $1', '$1::text IS NOT NULL', 'the conversations of another owner are not listed'],
    [
      '(c.updated_at, c.id) < (',
      '(c.updated_at, c.id) <= (',
      'pages follow each other without a gap or a repetition',
    ],
    [
      'AND (c.updated_at, c.id) < (',
      'AND c.id IS NOT NULL OR (c.updated_at, c.id) < (',
      'pages follow each other without a gap or a repetition',
    ],
    [
      ' * 1000000)::bigint::float8',
      ' * 1000)::bigint::float8 * 1000',
      'pages hold when times differ by a microsecond only',
    ],
    [
      'coalesce($3::uuid,',
      'coalesce(nullif($3::uuid, $3::uuid),',
      'pages hold when times are the same',
    ],
    [
      'ORDER BY c.updated_at DESC',
      'ORDER BY updated_at DESC',
      'pages hold when times differ by a microsecond only',
    ],
    [
      'ORDER BY c.updated_at DESC, c.id DESC',
      'ORDER BY c.updated_at DESC, c.id',
      'pages hold when times are the same',
    ],
    [
      'ORDER BY c.updated_at DESC, c.id DESC',
      'ORDER BY c.updated_at, c.id DESC',
      'the conversations come last changed first, in the shape of the contract',
    ],
    ['LIMIT $4::integer', '', 'no more than the limit is listed'],
  ]),

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
