import { AS_NAMED, inFile, inStatement, is, type Mutation, OPEN, source } from './mutation.ts'

export const RUNNING: Mutation[] = [
  ...inStatement('finish-tasks-if-held', [
    [
      ' AND o.fence = seen.fence',
      '',
      'where one is held and one is lost, the one is finished and returned',
    ],
    ['first_token_ms = o.first_token_ms, ', '', 'a success is stored with all its columns'],
    [', reasoning_ms = o.reasoning_ms', '', 'a success is stored with all its columns'],
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
      'FOR NO KEY UPDATE SKIP LOCKED',
      'FOR NO KEY UPDATE',
      'a task that is locked at the moment is renewed the next time if it is held still; nobody waits',
    ],
    [
      'FOR NO KEY UPDATE SKIP LOCKED',
      'FOR UPDATE SKIP LOCKED',
      'a task whose text is being saved at the moment is renewed all the same',
    ],
    [', watched = $4', '', 'a renewal notes whether its worker holds its session lock'],
    [
      '  FOR NO KEY UPDATE SKIP LOCKED\n',
      '',
      'a task that is locked at the moment is renewed the next time if it is held still; nobody waits',
    ],
    [
      `\nWHERE t.status ${is('PROCESSING')}`,
      '',
      'a task that is not being processed has no lease to renew, at its own fence either',
    ],
    [' AND held.fence = t.fence', '', 'a lease at an old fence is not renewed; the others are'],
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
      'FOR KEY SHARE SKIP LOCKED',
      '',
      'a first text saved while its finish waits is shown to nobody, and is forgotten',
    ],
    [
      'FOR KEY SHARE SKIP LOCKED',
      'FOR KEY SHARE',
      'a task that somebody has locked at the moment keeps no text; the others of the statement do, and nobody waits',
    ],
    [
      'FOR KEY SHARE SKIP LOCKED',
      'FOR SHARE SKIP LOCKED',
      'a task whose lease is being renewed at the moment keeps its text all the same',
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
  ...inStatement('release-tasks-if-held', [
    [
      'rung_at = CASE WHEN held.after_ms = 0 THEN now() END,',
      '',
      'a released task is PENDING at a new fence, due and rung now, and tells how to ring it',
    ],
    [
      ', deaths = t.deaths + held.child_deaths',
      ', deaths = t.deaths + 1',
      'a release counts neither as a failure nor as a death, and leaves the batch as it is',
    ],
    [
      'failures = t.failures + held.failures',
      'failures = t.failures + 1',
      'a release counts neither as a failure nor as a death, and leaves the batch as it is',
    ],
    [
      'failures = t.failures + held.failures',
      'failures = t.failures',
      'a task whose call failed counts a failure, and is due later and not rung before',
    ],
    [
      'CASE WHEN held.after_ms = 0 THEN now() END',
      'now()',
      'a task whose call failed counts a failure, and is due later and not rung before',
    ],
    [
      ' + held.after_ms *',
      ' + 0 * held.after_ms *',
      'a task whose call failed counts a failure, and is due later and not rung before',
    ],
    [
      'Math.round(afterMs)',
      'afterMs',
      'a task whose call failed counts a failure, and is due later and not rung before',
    ],
    [
      ', deaths = t.deaths + held.child_deaths',
      '',
      'a task that ended its own process counts a death, and one that is its own',
    ],
    [
      'child_deaths = t.child_deaths + held.child_deaths',
      'child_deaths = t.child_deaths',
      'a task that ended its own process counts a death, and one that is its own',
    ],
    ['held.task_id = seen.id AND ', '', 'tasks handed back together each count what befell them'],
    [
      ' WHERE b.id = t.batch_id',
      ' ORDER BY b.id LIMIT 1',
      'each task is to be rung with the trace of its own batch',
    ],
    [' AND held.fence = seen.fence', '', 'what is not held any more counts nothing'],
    [', watched = false', '', 'a task that is handed back is watched by nobody'],
    [
      'DELETE FROM task_partials p USING released WHERE p.task_id = released.task_id',
      'SELECT 1',
      'a release removes the text of the call so far, and nobody else’s',
    ],
    [
      ' WHERE p.task_id = released.task_id',
      '',
      'a release removes the text of the call so far, and nobody else’s',
    ],
  ]),
  ...inStatement('finish-tasks-if-held', [
    [
      ` WHERE f.new_status = ${source('TaskStatus.FAILED')}`,
      '',
      'a success leaves no dead letter, nor does a failure that is not held',
    ],
    [
      "'failures', f.failures, ",
      '',
      'a task that fails leaves a dead letter of ids, counts and the reason, and of no text',
    ],
    [
      'f.error_code,\n    f.error_msg',
      'f.error_msg,\n    f.error_code',
      'a task that fails leaves a dead letter of ids, counts and the reason, and of no text',
    ],
    [
      'left(f.model, 200)',
      'f.model',
      'the longest and oddest name of a model keeps its dead letter within bounds',
    ],
    [
      "failures = t.failures + coalesce((o.counts = 'failure')::integer, 0)",
      'failures = t.failures + 1',
      'an end that counts as child_death gives failures and deaths [ 2, 3, 2 ]',
    ],
    [
      "failures = t.failures + coalesce((o.counts = 'failure')::integer, 0)",
      'failures = t.failures',
      'an end that counts as failure gives failures and deaths [ 3, 2, 1 ]',
    ],
    [
      "    deaths = t.deaths + coalesce((o.counts = 'child_death')::integer, 0),\n",
      '',
      'an end that counts as child_death gives failures and deaths [ 2, 3, 2 ]',
    ],
    [
      "child_deaths = t.child_deaths + coalesce((o.counts = 'child_death')::integer, 0)",
      'child_deaths = t.child_deaths',
      'an end that counts as child_death gives failures and deaths [ 2, 3, 2 ]',
    ],
  ]),
  ...inStatement('cancel-tasks-if-open', [
    [
      't.owner = $1 AND (',
      '$1::text IS NOT NULL AND (',
      'the tasks of another owner are not cancelled, by their ids or by their batch',
    ],
    [
      `SELECT * FROM seen WHERE seen.status IN ${OPEN}`,
      'SELECT * FROM seen',
      'what has ended is left as it is',
    ],
    [
      `SELECT * FROM seen WHERE seen.status IN ${OPEN}`,
      `SELECT * FROM seen WHERE seen.status ${is('PENDING')}`,
      'a batch is cancelled whole, whatever its tasks do, and no other of its conversation',
    ],
    [
      `SELECT * FROM seen WHERE seen.status IN ${OPEN}`,
      `SELECT * FROM seen WHERE seen.status ${is('PROCESSING')}`,
      'a batch is cancelled whole, whatever its tasks do, and no other of its conversation',
    ],
    [
      'ORDER BY t.id FOR UPDATE',
      'ORDER BY t.id',
      'a task that finishes at the same moment is not cancelled',
    ],
    [
      'ORDER BY t.id FOR UPDATE',
      `ORDER BY array_position($2::uuid[], t.id) FOR UPDATE`,
      'cancels that name the same tasks in opposite orders do not deadlock',
    ],
    [
      'fence = t.fence + 1, ',
      '',
      'a task that waits ends CANCELLED at a new fence, and is returned',
    ],
    [
      'p.task_id = open.id AND p.fence = open.fence',
      'p.task_id = open.id',
      'the text of a holder that has lost the task is not kept',
    ],
    [
      `\n    AND open.status ${is('PROCESSING')}`,
      '',
      'the text of a holder that has lost the task is not kept',
    ],
    [
      'ON p.task_id = open.id AND ',
      'ON ',
      'what was written so far is kept, and its partial text goes',
    ],
    [
      'DELETE FROM task_partials p USING open WHERE p.task_id = open.id\n  RETURNING p.task_id, p.fence, p.response_text, p.reasoning_text\n',
      'SELECT p.task_id, p.fence, p.response_text, p.reasoning_text FROM task_partials p JOIN open ON p.task_id = open.id\n',
      'what was written so far is kept, and its partial text goes',
    ],
    [
      'DELETE FROM task_partials p USING open WHERE p.task_id = open.id\n  RETURNING p.task_id, p.fence, p.response_text, p.reasoning_text\n',
      'SELECT p.task_id, p.fence, p.response_text, p.reasoning_text FROM task_partials p JOIN open ON p.task_id = open.id\n',
      'the text saved last is kept, also while the cancel waited for the task',
    ],
    [
      'USING open WHERE p.task_id = open.id',
      'USING open WHERE true',
      'the partial text of another task stays',
    ],
    [
      't.id = ANY ($2::uuid[]) OR t.batch_id = $3::uuid',
      't.id = ANY ($2::uuid[]) OR t.conversation_id = (SELECT conversation_id FROM batches WHERE id = $3::uuid)',
      'a batch is cancelled whole, whatever its tasks do, and no other of its conversation',
    ],
  ]),
  ...inStatement(
    'settle-batches',
    [
      [
        'ORDER BY b.id FOR UPDATE',
        'ORDER BY random() FOR UPDATE',
        'cancels and finishes of the same batches do not deadlock on them',
      ],
    ],
    'cancel-tasks-if-open',
  ),
  ...inFile('workers-node/run-task.ts', 'test/run-task.test.ts', [
    [
      '  await call.saved\n',
      '',
      'the end of a call is stored after the save of its text that is under way',
    ],
    [
      'if (outcome.reasoningText !== null) outcome',
      'outcome',
      'where no reasoning is shown there is no time of it',
    ],
  ]),
  ...inFile('workers-node/reasoning-time.ts', 'test/run-task.test.ts', [
    [
      'this.began ??= performance.now()',
      'this.began = performance.now()',
      'the time of reasoning is from the first reasoning to the end where no text comes',
    ],
    [
      'this.ended ??= performance.now()',
      'this.ended = performance.now()',
      'the time of reasoning is from the first reasoning to the first text, though more of both come',
    ],
    [
      'this.began !== null && ',
      '',
      'the time of reasoning is from the first reasoning, and not from text ahead of it',
    ],
    [
      " && text.trim() !== ''",
      '',
      'the time of reasoning is from the first reasoning to text that is not blank',
    ],
  ]),
  ...inFile('workers-node/heartbeat.ts', 'test/heartbeat.test.ts', [
    [
      'for (const { call } of sent) call.saved = saved',
      '',
      'a call knows of the save of its text that is under way, however it ends',
    ],
  ]),
]
