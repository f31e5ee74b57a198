import { inFile, inStatement, is, type Mutation, source } from './mutation.ts'

export const DEAD_LETTERS: Mutation[] = [
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
  ...inStatement(
    'reopen-tasks',
    [
      [
        'fence = t.fence + 1, failures',
        'failures',
        'a replayed task is claimed at its new fence only',
      ],
      [
        'failures = 0, deaths = 0,\n    child_deaths = 0, ',
        '',
        'a replayed task is PENDING as on its first day, at a new fence, and tells how to ring it',
      ],
      [
        'run_after = now(), rung_at = now(), ',
        'rung_at = now(), ',
        'a replayed task is PENDING as on its first day, at a new fence, and tells how to ring it',
      ],
      [
        'run_after = now(), rung_at = now(), ',
        'run_after = now(), ',
        'a replayed task is PENDING as on its first day, at a new fence, and tells how to ring it',
      ],
      [
        ' error_code = NULL, error_msg = NULL,',
        '',
        'a replayed task is PENDING as on its first day, at a new fence, and tells how to ring it',
      ],
      [
        ',\n    reasoning_ms = NULL',
        '',
        'a replayed task is PENDING as on its first day, at a new fence, and tells how to ring it',
      ],
    ],
    'replay-dead-letters',
  ),
  ...inStatement('replay-dead-letters', [
    [
      `\n      WHEN seen.status ${is('SUCCESS')} THEN 'succeeded'`,
      '',
      'a task that has since succeeded is not replayed',
    ],
    [
      `\n      WHEN seen.status <> ${source('TaskStatus.FAILED')} THEN 'open'`,
      '',
      'a task that waits, or runs, is not replayed',
    ],
    [
      `\n      WHEN seen.status = ${source('TaskStatus.CANCELLED')} THEN 'cancelled'`,
      '',
      'a task that was cancelled is not replayed',
    ],
    [
      "\n      WHEN newer.id IS NOT NULL THEN 'replayed_before'",
      '',
      'of a task that failed again the newer dead letter is named, and replayed instead',
    ],
    [
      '\n      AND letter.replayed_at IS NOT NULL',
      '',
      'a replayed task is PENDING as on its first day, at a new fence, and tells how to ring it',
    ],
    [
      ' AND other.replayed_at IS NULL',
      '',
      'a dead letter is replayed once more where the newer one has been purged',
    ],
    [
      'other.task_id = letter.task_id AND ',
      '',
      'a dead letter is replayed once more where the newer one has been purged',
    ],
    [
      "seen.id IN (SELECT judged.task_id FROM judged WHERE judged.verdict = 'task')",
      'true',
      'a task that has since succeeded is not replayed',
    ],
    [
      'ORDER BY t.id FOR UPDATE',
      'ORDER BY t.id',
      'of two replays of one task at the same moment the second finds it open',
    ],
    [
      'ORDER BY t.id FOR UPDATE',
      `ORDER BY array_position(ARRAY(SELECT l.task_id FROM unnest($1::uuid[]) WITH ORDINALITY AS n (id, i) JOIN dead_letters l ON l.id = n.id ORDER BY i), t.id) FOR UPDATE`,
      'replays that name the same tasks in opposite orders do not deadlock',
    ],
    [
      '(SELECT count(*) FROM seen) >= 0 AND (d.id',
      'true AND (d.id',
      'a replay that waits for its task has not locked its dead letter yet',
    ],
    [
      'ORDER BY d.id FOR UPDATE',
      'ORDER BY d.id',
      'a dead letter that is purged at the same moment is unknown, and its task is left alone',
    ],
    [
      'ORDER BY d.id FOR UPDATE',
      'ORDER BY array_position($1::uuid[], d.id) FOR UPDATE',
      'replays of the same messages in opposite orders do not deadlock, nor with a purge',
    ],
    [
      "letter.id IN (SELECT judged.letter_id FROM judged WHERE judged.verdict IN ('task', 'message'))",
      'letter.id = ANY ($1::uuid[])',
      'a task that was deleted is gone, and a dead letter that there is not is unknown',
    ],
    [
      'OR letter.replayed_at IS NULL AND letter.task_id IN',
      'OR letter.task_id IN',
      'a replay settles all the dead letters of its task, and those of no other',
    ],
    [
      '\n    OR letter.replayed_at IS NULL AND letter.task_id IN (SELECT reopened.id FROM reopened)',
      '',
      'a replay settles all the dead letters of its task, and those of no other',
    ],
    [
      "\n  FROM judged WHERE judged.verdict IN ('task', 'message')\n)",
      '\n  FROM judged\n)',
      'a task that has since succeeded is not replayed',
    ],
    [
      ` > ${source('WHOLE_PAYLOAD_BYTES')}`,
      ` > ${source('WHOLE_PAYLOAD_BYTES')} + 4`,
      'a message that was cut where it looks whole',
    ],
    [
      ` > ${source('WHOLE_PAYLOAD_BYTES')}`,
      ` > ${source('WHOLE_PAYLOAD_BYTES')} + 1`,
      'a message that was cut so before a long character',
    ],
    [
      ` > ${source('WHOLE_PAYLOAD_BYTES')}`,
      ` >= ${source('WHOLE_PAYLOAD_BYTES')}`,
      'a message that is as long as a whole one can be',
    ],
    [`\n          OR letter.payload NOT LIKE '["%"]'`, '', 'a message that is no list of fields'],
    [
      "\n        WHEN letter.source <> ALL ($5::text[]) THEN 'no_stream'",
      '',
      'a message of a stream that is not ours is not replayed',
    ],
    [
      "WHEN NOT $4::boolean THEN 'no_redis'",
      "WHEN $4::boolean IS NULL THEN 'no_redis'",
      'without Redis a message is left as it is, and a task is replayed',
    ],
  ]),
  ...inStatement('list-dead-letters', [
    [
      "d.id < coalesce($1::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')",
      "d.id <= coalesce($1::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')",
      'a page goes on after its last one, without a gap or a repetition',
    ],
    [
      'ORDER BY d.id DESC',
      'ORDER BY d.id',
      'a page goes on after its last one, without a gap or a repetition',
    ],
    [
      '\nLIMIT $4::integer',
      '\nLIMIT $4::integer + 1000',
      'a page goes on after its last one, without a gap or a repetition',
    ],
    [' OR d.kind = $2)', ' OR $2 IS NOT NULL)', 'one kind is listed alone'],
    [
      'd.replayed_at IS NULL OR NOT $3::boolean',
      'd.replayed_at IS NULL OR $3::boolean IS NOT NULL',
      'what has been replayed is left out where that is asked',
    ],
    [
      '\n  AND ($5::timestamptz IS NULL OR d.created_at <= $5::timestamptz)',
      '\n  AND ($5::timestamptz IS NULL OR $5 IS NOT NULL)',
      'what was written after the given moment is left out, however old its id is',
    ],
  ]),
  ...inStatement('find-dead-letter', [
    ['WHERE d.id = $1::uuid', 'WHERE $1::uuid IS NOT NULL', 'what there is not gives no row'],
    [
      'LEFT JOIN tasks t ON',
      'JOIN tasks t ON',
      'a message has no task, nor has a dead letter whose task was deleted',
    ],
  ]),
  ...inStatement('purge-dead-letters', [
    [
      ' HAVING count(*) > 0',
      '',
      'a purge leaves a line that says who it was and how many went, where any did',
    ],
    [' OR d.id = ANY ($1))', ' OR cardinality($1) > 0)', 'only the named ones go'],
    [' OR d.kind = $2)', ' OR $2 IS NOT NULL)', 'only those of one kind go'],
    [
      "d.created_at < now() - $3::float8 * interval '1 day'",
      'd.created_at < now()',
      'one of 49 hours goes where two days are asked for, one of 47 stays',
    ],
    [
      'd.replayed_at IS NOT NULL OR NOT $4::boolean',
      '$4::boolean IS NOT NULL',
      'only what has been replayed goes where that is asked',
    ],
    [
      ' LIMIT $5::integer',
      ' LIMIT $5::integer + 1',
      'no more than the limit go at a time, the oldest first',
    ],
    [
      'ORDER BY d.id LIMIT',
      'ORDER BY d.id DESC LIMIT',
      'no more than the limit go at a time, the oldest first',
    ],
    [
      'ORDER BY d.id LIMIT',
      'ORDER BY array_position($1::uuid[], d.id) LIMIT',
      'purges that name the same dead letters in opposite orders do not deadlock',
    ],
  ]),
  ...inStatement('copy-dead-letters', [
    [
      'WHERE d.copied_at IS NULL\n',
      'WHERE true\n',
      'what is not copied yet is taken with all that its copy needs, and is marked',
    ],
    [
      'SET copied_at = now()',
      'SET copied_at = NULL',
      'what is not copied yet is taken with all that its copy needs, and is marked',
    ],
    [
      'ORDER BY d.id LIMIT $1::integer\n  FOR UPDATE',
      'ORDER BY d.id\n  LIMIT $1::integer + 1 FOR UPDATE',
      'no more than the limit are taken at a time, the oldest first',
    ],
    [
      'ORDER BY d.id LIMIT $1::integer\n  FOR UPDATE',
      'ORDER BY d.id DESC\n  LIMIT $1::integer FOR UPDATE',
      'no more than the limit are taken at a time, the oldest first',
    ],
    [
      'LIMIT $1::integer\n  FOR UPDATE SKIP LOCKED',
      'LIMIT $1::integer\n  FOR UPDATE',
      'what another sweep is taking is left to it, and nobody waits',
    ],
    [
      'd.id = ANY ($1::uuid[]) ORDER BY d.id FOR UPDATE',
      '$1::uuid[] IS NOT NULL ORDER BY d.id FOR UPDATE',
      'what is given back is taken again, and nothing else',
    ],
    [
      'd.id = ANY ($1::uuid[]) ORDER BY d.id FOR UPDATE',
      'd.id = ANY ($1::uuid[]) ORDER BY array_position($1::uuid[], d.id) FOR UPDATE',
      'givings back of the same dead letters in opposite orders do not deadlock',
    ],
    [
      'ORDER BY d.id DESC LIMIT $1::integer FOR UPDATE',
      'ORDER BY d.id LIMIT $1::integer FOR UPDATE',
      'when the stream is lost the newest are taken again, and no more than the limit',
    ],
    [
      'ORDER BY d.id DESC LIMIT $1::integer FOR UPDATE',
      'ORDER BY d.id DESC LIMIT $1::integer + 1 FOR UPDATE',
      'when the stream is lost the newest are taken again, and no more than the limit',
    ],
    [
      'LIMIT $1::integer FOR UPDATE SKIP LOCKED',
      'LIMIT $1::integer FOR UPDATE',
      'a dead letter that is locked at the moment is not waited for when the stream is lost',
    ],
  ]),
  ...inFile('workers-node/copy-dead-letters.ts', 'test/copy-dead-letters.test.ts', [
    [
      'if ((await redis.deadLettersInStream()) === 0) {',
      'if ((await redis.deadLettersInStream()) < 0) {',
      'a stream that Redis has lost is filled again',
    ],
    [
      'if ((await redis.deadLettersInStream()) === 0) {',
      'if ((await redis.deadLettersInStream()) >= 0) {',
      'dead letters of both kinds are copied once, with origin, payload, reason and time',
    ],
    [
      'await postgres.run(giveBackDeadLetters(letters.map(({ id }) => id)))',
      '',
      'where the stream does not take them they are copied the next time',
    ],
    [
      'if (letters.length < STEP) return total',
      'return total',
      'more than one step of them are all copied',
    ],
  ]),
  ...inFile('workers-node/dlq.ts', 'test/dlq.test.ts', [
    [
      'writtenBy, unreplayed: true }',
      'writtenBy, unreplayed: false }',
      '--all replays all that failed, and nothing twice',
    ],
    [
      'await copyDeadLetters({ postgres, redis })',
      '',
      'a purge deletes what fits, makes the copy anew, and leaves the tasks alone',
    ],
    [
      'await redis.dropDeadLetterStream()',
      '',
      'a purge deletes what fits, makes the copy anew, and leaves the tasks alone',
    ],
  ]),
]
