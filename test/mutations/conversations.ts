import { inFile, inStatement, is, type Mutation, source } from './mutation.ts'

const IN_ORDER = 'a delete takes its locks in the order tasks, dead letters, batches, conversation'
const ALL = 'all of it goes, and nothing of any other conversation'
const FILE_STAYS = 'a file that another prompt or answer has, or that waits for a prompt, stays'

export const CONVERSATIONS: Mutation[] = [
  ...inStatement('retry-task-if-failed-or-cancelled', [
    [
      't.owner = $1 AND ',
      '$1::text IS NOT NULL AND ',
      'a task of another owner is not found, nor is one that does not exist',
    ],
    [
      `const ENDED = \`seen.status IN (${source('TaskStatus.FAILED')}, ${source('TaskStatus.CANCELLED')})\``,
      "const ENDED = 'true'",
      'a task that waits, runs, or has its answer is left as it is',
    ],
    [
      `, ${source('TaskStatus.CANCELLED')}`,
      '',
      'a task that was cancelled is PENDING again, without the text that was kept',
    ],
    [
      '\n    AND (SELECT gate.refused FROM gate) IS NULL',
      '',
      'a retry that would break the limit of open_tasks leaves all as it is',
    ],
    [
      `CASE WHEN ${source('ENDED')} THEN ${source('brokenLimit(LIMITS)')} END`,
      source('brokenLimit(LIMITS)'),
      'a repeat of the same retry rings the task once more, one of another request does not',
    ],
    [
      "'request_id = $3', ",
      '',
      'what is done for a task from now on bears the marks of the request that retried it',
    ],
    [
      "'traceparent = $4'",
      '',
      'what is done for a task from now on bears the marks of the request that retried it',
    ],
    [
      ' AND b.request_id = $3',
      '',
      'a repeat of the same retry rings the task once more, one of another request does not',
    ],
    [
      't.id = $2::uuid FOR UPDATE',
      't.id = $2::uuid',
      'of two retries at the same moment the second finds the task open',
    ],
    [
      ' AND EXISTS (SELECT FROM reopened)',
      '',
      'a dead letter of a task that was not retried is not settled',
    ],
    [
      'd.task_id = ANY (ARRAY(SELECT seen.id FROM seen))',
      'true',
      'a task that failed is PENDING again, its batch open, its dead letters settled',
    ],
  ]),
  ...inStatement('choose-answer-if-newest', [
    [
      'b.owner = $1 AND ',
      '$1::text IS NOT NULL AND ',
      'a batch of another owner is not found, nor is one that does not exist',
    ],
    [' AND t.batch_id = batch.id', '', 'what has no answer, or is of another batch, is not chosen'],
    [
      `\n    WHEN t.status <> ${source('TaskStatus.SUCCESS')} THEN 'unanswered'`,
      '',
      'what has no answer, or is of another batch, is not chosen',
    ],
    [
      "\n    WHEN conversation.turns <> batch.turn THEN 'past'",
      '',
      'once the conversation has gone on, nothing is chosen and nothing taken back',
    ],
    [
      'FROM batch)) FOR UPDATE',
      'FROM batch))',
      'a prompt that goes first leaves nothing to choose',
    ],
    [
      " AND judged.verdict = 'chosen'",
      '',
      'what has no answer, or is of another batch, is not chosen',
    ],
    [
      '\n    AND b.chosen_task_id IS DISTINCT FROM $3::uuid',
      '',
      'a choice can be changed, and taken back; the version of the batch says so',
    ],
    [
      ', version = b.version + 1',
      '',
      'a choice can be changed, and taken back; the version of the batch says so',
    ],
  ]),
  ...inStatement(
    'history-of-task',
    [
      [
        '(a.id = earlier.chosen_task_id) IS TRUE DESC,',
        '',
        'the chosen answer is what every model sees of the turn',
      ],
      [
        '(a.id = earlier.chosen_task_id) IS TRUE DESC,',
        '(a.id <> earlier.chosen_task_id) IS TRUE DESC,',
        'a choice in one turn says nothing of another',
      ],
    ],
    'choose-answer-if-newest',
  ),
  ...inStatement('rename-conversation', [
    [
      'c.owner = $1 AND ',
      '$1::text IS NOT NULL AND ',
      'a conversation of another owner is not renamed, nor is one that does not exist',
    ],
    [
      'c.id = $2::uuid',
      '$2::uuid IS NOT NULL',
      'a conversation has its new title, and its place in the list; the others stay',
    ],
  ]),
  ...inStatement('delete-conversation-if-whole', [
    [
      'c.owner = $1 AND c.id',
      '$1::text IS NOT NULL AND c.id',
      'a conversation of another owner stays, nor is there one that does not exist',
    ],
    [
      ' WHERE c.turns = (SELECT max(turn.turn) FROM turn)',
      '',
      'a prompt that goes first is not lost sight of: nothing is deleted until it is seen',
    ],
    ['WHERE d.task_id = ', 'WHERE (SELECT count(*) FROM seen) < 0 AND d.task_id = ', ALL],
    [' AND (SELECT count(*) FROM letter) >= 0', '', IN_ORDER],
    [' AND (SELECT count(*) FROM turn) >= 0', '', IN_ORDER],
    [
      'ORDER BY t.id FOR UPDATE',
      'ORDER BY t.id DESC FOR UPDATE',
      'deletes and finishes of the same tasks in any order do not deadlock',
    ],
    ['k.conversation_id = whole.id', 'true', ALL],
    ['k.conversation_id = whole.id', 'false', ALL],
    [`DELETE FROM task_partials p WHERE p.task_id = ${source("ids('task')")}`, 'SELECT 1', ALL],
    [
      'INSERT INTO doomed_objects (object_key) SELECT gone.object_key FROM gone\n  ON CONFLICT (object_key) DO NOTHING',
      'SELECT gone.object_key FROM gone',
      ALL,
    ],
    [' AND file.unused_since IS NULL', '', FILE_STAYS],
    [
      'SET unused_since = now()',
      'SET unused_since = f.unused_since',
      'a file whose only place goes while it is looked at is forgotten later',
    ],
    [` AND NOT place.${source('column')} = ${source('ids(own)')}`, ' AND false', FILE_STAYS],
    [
      `WHERE seen.status ${is('PROCESSING')}`,
      'WHERE false',
      'text that was being saved at that moment goes with the second look',
    ],
  ]),
  ...inStatement(
    'delete-partials',
    [
      [
        'task_id = ANY ($1::uuid[])',
        '$1::uuid[] IS NULL',
        'text that was being saved at that moment goes with the second look',
      ],
    ],
    'delete-conversation-if-whole',
  ),
  ...inStatement('doomed-objects', [
    [
      'ORDER BY created_at, object_key ',
      'ORDER BY object_key ',
      'doomed objects are listed in their order, and forgotten by their keys',
    ],
    [
      ' LIMIT $1::integer',
      ' LIMIT $1::integer + 1',
      'doomed objects are listed in their order, and forgotten by their keys',
    ],
    [
      'WHERE object_key = ANY ($1::text[])',
      'WHERE $1::text[] IS NOT NULL',
      'doomed objects are listed in their order, and forgotten by their keys',
    ],
  ]),
  ...inFile('workers-node/run-task.ts', 'test/run-task.test.ts', [
    ['        call.lost = true\n', '', 'a call whose result finds its task held no more is lost'],
  ]),
  ...inFile('edge/attachment.ts', 'test/attachment.test.ts', [
    ["replace(UNSAFE, ' ')", "replace(UNSAFE, '$&')", '"gpj.‮exe" is a safe name for a file'],
    ['.slice(0, MAX_CHARACTERS)', '', `"${'x'.repeat(200)}" is a safe name for a file`],
    [".replace(/^[. ]+|[. ]+$/g, '')", '', '".." is a safe name for a file'],
  ]),
  ...inFile('edge/routes/delete-conversation.ts', 'test/conversations.test.ts', [
    [
      "'23503'",
      "'23504'",
      'on node > a delete that a prompt with its file crosses is done once that is stored',
    ],
    [
      'if (deletion.deleted) return deletion',
      'return deletion',
      'on node > a delete that a prompt in the conversation crosses is done once that is stored',
    ],
  ]),
]
