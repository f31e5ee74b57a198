import { inStatement, type Mutation, source } from './mutation.ts'

const OBJECT_KEPT = `CASE WHEN f.lost_at IS NULL OR excluded.object_key = ''
      THEN f.object_key ELSE excluded.object_key END`

export const READING: Mutation[] = [
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
  ...inStatement('find-task', [
    [
      'asked.owner = $1 AND ',
      '$1::text IS NOT NULL AND ',
      'a task of another owner is not found, nor is one that does not exist',
    ],
    ['asked.id = $2::uuid', '$2::uuid IS NOT NULL', 'only the task asked for is found'],
  ]),
  ...inStatement(
    'find-file',
    [
      [
        'owner = $1',
        '$1::text IS NOT NULL',
        'a file of another owner is not found, nor is one that does not exist',
      ],
      ['id = $2::uuid', '$2::uuid IS NOT NULL', 'only the file asked for is found'],
    ],
    'save-file',
  ),
  ...inStatement('save-file', [
    [
      `DO UPDATE SET unused_since = NULL,${source('OBJECT_THAT_COUNTS')}`,
      'DO NOTHING',
      'content that the owner has already gives the older file',
    ],
  ]),
  ...inStatement(
    'object-that-counts',
    [
      [
        OBJECT_KEPT,
        'excluded.object_key',
        'content that the owner has already gives the older file',
      ],
      [
        OBJECT_KEPT,
        'f.object_key',
        'content whose object was lost keeps its row, and gets the new object, once',
      ],
      [
        "lost_at = CASE WHEN excluded.object_key = '' THEN f.lost_at END",
        'lost_at = f.lost_at',
        'content whose object was lost keeps its row, and gets the new object, once',
      ],
    ],
    'save-file',
  ),
  ...inStatement('mark-file-lost', [
    ['owner = $1', '$1::text IS NOT NULL', 'a file of another owner is not marked'],
    ['id = $2::uuid', '$2::uuid IS NOT NULL', 'a file is marked, and those beside it are not'],
    [
      'object_key = $3',
      '$3::text IS NOT NULL',
      'a file that has another object by now is not marked',
    ],
    [' AND lost_at IS NULL', '', 'a file that is marked is written once'],
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
    ['one.conversation_id = c.id AND ', '', 'the batches of another conversation are not in it'],
    [
      'one.turn > $3::integer',
      '$3::integer IS NOT NULL',
      'a page starts after its turn and holds no more than its limit',
    ],
    [
      ' LIMIT $4::integer',
      ' LIMIT $4::integer + 1',
      'a page starts after its turn and holds no more than its limit',
    ],
    [
      'ORDER BY one.turn',
      'ORDER BY one.turn DESC',
      'a page starts after its turn and holds no more than its limit',
    ],
    [
      'ORDER BY page.turn',
      'ORDER BY page.turn DESC',
      'the batches come oldest first, with title and turns, in the shape of the contract',
    ],
    [
      ' WHERE b.before <= $5::integer',
      ' WHERE $5::integer IS NOT NULL',
      'a page holds no batch that begins after so many bytes of text, but always one',
    ],
    [
      ' - sized.bytes AS before',
      ' AS before',
      'a page holds no batch that begins after so many bytes of text, but always one',
    ],
    [
      'octet_length(one.user_prompt)',
      'length(one.user_prompt)',
      'a page holds no batch that begins after so many bytes of text, but always one',
    ],
    [
      '\n          + coalesce(octet_length(t.reasoning_text), 0)',
      '',
      'reasoning counts as text of a page',
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
    ['LIMIT $4::integer', 'LIMIT $4::integer + 1', 'no more than the limit is listed'],
    [
      'c.title ILIKE $5 OR ',
      '',
      'a search finds titles and prompts of any turn, in any case, and nothing else',
    ],
    [
      'c.title ILIKE $5',
      'c.title LIKE $5',
      'a search finds titles and prompts of any turn, in any case, and nothing else',
    ],
    [
      'b.conversation_id = c.id AND ',
      '',
      'a search finds titles and prompts of any turn, in any case, and nothing else',
    ],
    [
      'b.user_prompt ILIKE $5',
      'b.user_prompt LIKE $5',
      'a search finds titles and prompts of any turn, in any case, and nothing else',
    ],
    [
      "search.replace(/[\\\\%_]/g, '\\\\$&')",
      'search',
      'a search takes the signs of patterns as they stand',
    ],
  ]),
]
