import { AS_NAMED, inFile, inStatement, is, type Mutation, source } from './mutation.ts'

export const SUBMIT_AND_CLAIM: Mutation[] = [
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
      '($7::boolean OR EXISTS (SELECT FROM owned))',
      '$7::boolean IS NOT NULL',
      'an unknown conversation gives no row and stores nothing, no key either',
    ],
    [
      `DO UPDATE SET\n    ${source('KEY_THAT_COUNTS')}`,
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
    [
      'SELECT DISTINCT ON (u.sha256) u.id',
      'SELECT u.id',
      'the same content twice in one batch is one file in two places',
    ],
    [
      "u.object_key = '', u.position",
      "u.object_key = '', u.position DESC",
      'the same content twice in one batch is one file in two places',
    ],
    [
      'FROM upload u, batch\n',
      'FROM upload u\n',
      'the same key again stores no file, and calls all of its objects unused',
    ],
    [
      `DO UPDATE SET unused_since = NULL,${source('OBJECT_THAT_COUNTS')}`,
      'DO NOTHING',
      'content that the owner has keeps its row and its object; the new one is unused',
    ],
    [
      `DO UPDATE SET unused_since = NULL,${source('OBJECT_THAT_COUNTS')}`,
      'DO NOTHING',
      'two submits of the same content at the same moment share one file',
    ],
    [
      'key.batch_id <> $4::uuid OR ',
      '',
      'the same key again stores no file, and calls all of its objects unused',
    ],
    [
      'key.batch_id <> $4::uuid OR ',
      'NOT key.fresh OR ',
      'a repeat that waits for the very same statement calls none of its objects unused',
    ],
    [
      ' AND k.object_key <> u.object_key',
      '',
      'the very same statement again calls no object unused that a row names',
    ],
    [
      'WHERE f.owner = $1 AND',
      'WHERE $1::text IS NOT NULL AND',
      'the same content of another owner is another file',
    ],
    [
      ' AND f.lost_at IS NULL',
      '',
      'a repeat that waits for one that brought what was lost does not call it unused',
    ],
    [' AND NOT EXISTS (SELECT FROM file)', '', 'what is lost while a submit waits gets its object'],
    [
      'SELECT sha256, object_key FROM file UNION ALL\n',
      '',
      'two submits of the same content at the same moment share one file',
    ],
    ['coalesce(known.fence, 0)', '0', 'the same key again reports the fences and states of now'],
    ['coalesce(known.status, 0)', '0', 'the same key again reports the fences and states of now'],
    [
      `CASE WHEN ${source('KEY_KEPT')} THEN k.${source('column')} ELSE excluded.${source('column')} END`,
      `k.${source('column')}`,
      'a key that is older than 24 h counts as none, though nobody has swept it',
    ],
    [
      `CASE WHEN ${source('KEY_KEPT')} THEN k.${source('column')} ELSE excluded.${source('column')} END`,
      `excluded.${source('column')}`,
      'two that find the same old key at the same moment store one batch',
    ],
    [
      'k.created_at = now() AND k.batch_id = $4::uuid AS fresh',
      'k.batch_id = $4::uuid AS fresh',
      'the very same statement again stores once',
    ],
  ]),
  ...inStatement(
    'submit-batch',
    [
      [
        'gate.refused IS NULL AND (',
        '(',
        'an owner has as many open tasks as the limit, and not one more; nothing is stored',
      ],
      [
        'k.owner = $1 AND k.key = $2 AND ',
        'k.owner = $1 AND k.key IS NULL AND ',
        'a known key finds its batch whatever is open; one that is too old does not',
      ],
      [
        ` AND ${source('KEY_KEPT')})\n      THEN NULL`,
        ')\n      THEN NULL',
        'a known key finds its batch whatever is open; one that is too old does not',
      ],
    ],
    'submit-limits',
  ),
  ...inStatement('submit-limits', [
    [
      `t.owner >= ${source('param.owner')} AND t.owner <= ${source('param.owner')}\n            AND `,
      '',
      'tasks that run count, those that have ended do not, nor do those of others',
    ],
    [
      `(${source('TaskStatus.PENDING')}, ${source('TaskStatus.PROCESSING')})`,
      `(${source('TaskStatus.PENDING')})`,
      'tasks that run count, those that have ended do not, nor do those of others',
    ],
    [
      `cardinality(${source('param.families')}::text[]) + (`,
      '1 + (',
      'more tasks than the limit are too many for an owner who has none',
    ],
    [
      'ORDER BY t.owner LIMIT',
      'LIMIT',
      'with known statistics the limits are counted by their indexes alone',
    ],
    [
      'added.tasks + (',
      '1 + (',
      'a family has as many waiting tasks as the limit, and not one more',
    ],
    [
      't.family = added.family AND ',
      '',
      'a family has as many waiting tasks as the limit, and not one more',
    ],
    [` AND t.status ${is('PENDING')}`, '', 'tasks that run do not wait'],
  ]),
  ...inStatement(
    'submit-batch',
    [
      [
        'unused_since = NULL,',
        '',
        'files that are named come first, in order, and count as used; those uploaded come after',
      ],
      [
        "CASE WHEN file.object_key <> '' THEN file.id END",
        'file.id',
        'a file that was forgotten after it was found fails the submit, which stores nothing',
      ],
      [
        "u.object_key = '', u.position",
        'u.position',
        'a file whose object is lost after it was found keeps its row as it is',
      ],
      ["u.object_key <> '' AND (", '(', 'a repeat finds what it stored, and calls nothing unused'],
    ],
    'submit-named-files',
  ),
  ...inStatement(
    'object-that-counts',
    [
      [
        " OR excluded.object_key = ''",
        '',
        'a file whose object is lost after it was found keeps its row as it is',
      ],
      [
        "CASE WHEN excluded.object_key = '' THEN f.lost_at END",
        'NULL',
        'a file whose object is lost after it was found keeps its row as it is',
      ],
    ],
    'submit-named-files',
  ),
  ...inStatement(
    'find-named-files',
    [
      [
        'f.owner = $1 AND ',
        '$1::text IS NOT NULL AND ',
        "a file is found by its id under its name, but not another's, nor one that is lost",
      ],
      [
        ' AND f.lost_at IS NULL',
        '',
        "a file is found by its id under its name, but not another's, nor one that is lost",
      ],
    ],
    'submit-named-files',
  ),
  ...inStatement('save-uploads', [
    [
      'unused_since = now(),',
      'unused_since = f.unused_since,',
      'what is uploaded ahead is unused from now on, whether a prompt has it or not',
    ],
    [
      'ORDER BY u.sha256, u.position',
      'ORDER BY u.sha256 DESC, u.position',
      'uploads and submits of the same files do not deadlock',
    ],
  ]),
  ...inStatement(
    'save-file',
    [
      [
        'unused_since = NULL,',
        '',
        'a picture that a model made counts as used, though it was uploaded before',
      ],
    ],
    'save-uploads',
  ),
  ...inStatement('forget-unused-files', [
    [
      `f.unused_since < now() - interval '${source('UNUSED_KEPT_H')} h'`,
      'f.unused_since IS NOT NULL',
      'what no prompt has used for 24 h is forgotten, and its object doomed, whose ever it is',
    ],
    [
      'EXISTS (SELECT FROM batch_files b WHERE b.file_id = f.id)',
      'false',
      'what a prompt or an answer names is not forgotten, and is not looked at again',
    ],
    [
      'EXISTS (SELECT FROM task_files t WHERE t.file_id = f.id)',
      'false',
      'what a prompt or an answer names is not forgotten, and is not looked at again',
    ],
    [
      'UPDATE files f SET unused_since = NULL FROM marked m WHERE f.id = m.id AND m.used',
      'SELECT 1',
      'what a prompt or an answer names is not forgotten, and is not looked at again',
    ],
    ['ORDER BY f.unused_since LIMIT', 'LIMIT', 'the oldest go first, so many at a time'],
    [' SKIP LOCKED', '', 'what somebody has locked is passed by'],
  ]),
  ...inFile('edge/read-form.ts', 'test/file-ids.test.ts', [
    ['++this.parts > MAX_PARTS', 'false', 'on node > a form of a thousand parts is refused'],
  ]),
  ...inFile('edge/submission.ts', 'test/file-ids.test.ts', [
    [
      'files.length > MAX_FILES',
      'false',
      'on node > named and sent files together are at most ten, and must be of a kind that the models take',
    ],
  ]),
  ...inFile('edge/routes/submit-batch.ts', 'test/file-ids.test.ts', [
    [
      '!refused || error.code !== NAMED_FILE_GONE',
      'true',
      'on node > a file that is forgotten while a submit is under way is not found',
    ],
  ]),
  ...inFile('workers-node/log.ts', 'test/request-id.test.ts', [
    [
      '{ task_id: id, request_id }',
      '{ task_id: id }',
      'one id is in the answer, in the log of the gateway and of the worker, and the trace in the message',
    ],
  ]),
  ...inStatement('claim-tasks-if-pending', [
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
      'WHERE back <= message.history_turns',
      'WHERE back <= (SELECT max(history_turns) FROM message)',
      'each of the tasks claimed together gets the history that its own bounds allow',
    ],
    [
      'characters <= message.history_characters',
      'characters <= (SELECT max(history_characters) FROM message)',
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
    [
      'back <= message.history_turns AND ',
      '',
      'no more than the bound of turns is carried: the newest',
    ],
    [
      'ORDER BY earlier.turn DESC',
      'ORDER BY earlier.turn',
      'no more than the bound of turns is carried: the newest',
    ],
    [
      ' AND characters <= message.history_characters',
      '',
      'no more than the bound of characters is carried: the newest, prompts and answers counted',
    ],
    [
      'length(user_prompt) + ',
      '',
      'no more than the bound of characters is carried: the newest, prompts and answers counted',
    ],
    [
      'newest AS (ORDER BY turn DESC)',
      'newest AS (ORDER BY turn)',
      'no more than the bound of characters is carried: the newest, prompts and answers counted',
    ],
    [
      'ORDER BY f.turn)',
      'ORDER BY f.turn DESC)',
      'the earlier turns come oldest first, each with its prompt and answer',
    ],
    ['DESC NULLS FIRST', 'DESC NULLS LAST', 'a conversation that just fits is carried whole'],
    [
      'LIMIT message.history_turns + 1',
      'LIMIT message.history_turns',
      'what no longer fits is left out in steps, so that most calls begin as the last one did',
    ],
    [
      'WHERE first.back > first.fit / 2',
      '',
      'what no longer fits is left out in steps, so that most calls begin as the last one did',
    ],
    [
      'first.roundness DESC NULLS FIRST, ',
      '',
      'what no longer fits is left out in steps, so that most calls begin as the last one did',
    ],
  ]),
  ...inStatement('claim-tasks-if-pending', [
    [
      ' AND message.family = seen.family',
      '',
      'a message in the stream of another family claims nothing',
    ],
    [
      ' AND seen.fence = message.fence\n',
      '\n',
      'an old fence is stale, though the task is PENDING',
    ],
    [
      ' AND seen.fence = message.fence\n',
      ' AND seen.fence <= message.fence\n',
      'a fence that the task has not reached is told apart, and changes nothing',
    ],
    [
      'fence = t.fence + (NOT l.unheard)::integer',
      'fence = t.fence',
      'a claim gives all that the call needs',
    ],
    [
      'attempt = t.attempt + (NOT l.unheard)::integer',
      'attempt = 1',
      'a second attempt counts and starts anew',
    ],
    [
      'message.again AND ',
      '',
      'who has not asked before gets nothing of what its own process runs',
    ],
    [
      `AND seen.status ${is('PROCESSING')}\n`,
      '\n',
      'what was taken unheard and has ended since is not to be had again',
    ],
    [
      'seen.fence = message.fence + 1',
      'seen.fence > message.fence',
      'only the very next fence is what an unheard claim took',
    ],
    [
      'seen.fence = message.fence + 1',
      'seen.fence IN (message.fence, message.fence + 1)',
      'only the very next fence is what an unheard claim took',
    ],
    [
      ' AND seen.worker_key = $6::bigint',
      '',
      'another process that asks again gets nothing, though it has the same name',
    ],
    [
      ' AND message.family = seen.family',
      '',
      'a message of another family that is asked again gets nothing',
    ],
    [
      'fence = t.fence + (NOT l.unheard)::integer',
      'fence = t.fence + 1',
      'who did not hear the answer and asks again gets what it took, at the same fence',
    ],
    [
      'attempt = t.attempt + (NOT l.unheard)::integer',
      'attempt = t.attempt + 1',
      'who did not hear the answer and asks again gets what it took, at the same fence',
    ],
    [
      'ORDER BY seen.id, message.position',
      'ORDER BY seen.id, message.position DESC',
      'a doubled message that is asked again is handed over once',
    ],
    [
      'watched = $10',
      'watched = $10 OR t.watched',
      'a claim stores whether its holder is watched, and so does one that is asked again',
    ],
    [
      'watched = $10',
      'watched = $10 AND t.watched',
      'a claim stores whether its holder is watched, and so does one that is asked again',
    ],
    [
      "'child_deaths', claimed.child_deaths",
      "'child_deaths', claimed.deaths",
      'a claim tells how often the task failed, and how often its holder and its own process died',
    ],
  ]),
  ...inStatement(
    'claim-tasks-if-pending',
    [
      [', node_id = l.chosen_id', '', 'a healthy node is called, and noted on its task'],
      [
        "place.status IN ('OFFLINE', '429_LIMIT') OR place.error_count > 0",
        'place.error_count > 0',
        'a node that has rested is called by all, and is to hear of a success',
      ],
      [
        "place.status IN ('OFFLINE', '429_LIMIT') OR place.error_count > 0",
        "place.status IN ('OFFLINE', '429_LIMIT')",
        'a node with a fault behind it is called, and is to hear of a success',
      ],
      [
        'run_after = coalesce(look.at, now() + interval',
        'run_after = coalesce(NULL, now() + interval',
        'while the circuit of its node is open a task is put off until it may be tried',
      ],
      [
        ', rung_at = NULL',
        '',
        'while the circuit of its node is open a task is put off until it may be tried',
      ],
      [
        "WHEN put_off.id IS NOT NULL THEN 'waiting'",
        '',
        'while the circuit of its node is open a task is put off until it may be tried',
      ],
      [
        'coalesce(t.waiting_since, now())',
        'now()',
        'a task that is put off again waits since the first time',
      ],
      [' OR overdue', '', 'a task that has waited for too long is claimed as hopeless'],
      [
        '$14::integer *',
        '0 * $14::integer *',
        'a task that has waited for too long is claimed as hopeless',
      ],
      [
        ' AND put_off.put_off_by = message.position',
        '',
        'a doubled message puts its task off once, and the first of the two hears of it',
      ],
      [
        'CASE WHEN winner.unheard THEN winner.node_id ELSE pick.node_id END',
        'pick.node_id',
        'an unheard claim is handed over though its node may not be called now',
      ],
      [' AND (SELECT count(*) FROM node) >= 0', '', 'nodes are locked before tasks'],
    ],
    'claim-gate',
  ),
]
