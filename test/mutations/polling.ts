import { inFile, inStatement, type Mutation } from './mutation.ts'

const EACH_TAG = 'each thing that befalls a task gives it and its batch a tag that they never had'
const UNSEEN =
  'what nobody sees leaves the tag as it is: a lease, a ring, a wait for a node, an old text'
const FILES = 'where there are files the tag changes with their addresses, and only there'
const KNOWN =
  'who knows the tag is told no more than that, and whether it has ended or waits for too long'
const BY_KEYS = 'a poll of a state that is known reads by keys, and makes nothing of it'

/** What readers are told of changes, and when. */
export const POLLING: Mutation[] = [
  ...inStatement('tags', [
    ["'b.version'", "'0'", EACH_TAG],
    ["'sum(t.fence)'", "'0'", EACH_TAG],
    ['coalesce(sum(CASE WHEN', 'coalesce(0 * sum(CASE WHEN', EACH_TAG],
    ['max(t.started_at)', 'min(t.created_at)', EACH_TAG],
    [' AND p.fence = t.fence', '', UNSEEN],
    [
      "hasFiles('batch_files', 'batch_id', 'b.id')",
      "hasFiles('batch_files', 'batch_id', 'NULL')",
      FILES,
    ],
    [
      "hasFiles('task_files', 'task_id', 't.id')",
      "hasFiles('task_files', 'task_id', 'NULL')",
      FILES,
    ],
    [' THEN $4::bigint END', ' IS NOT NULL THEN $4::bigint END', FILES],
    ['told.tag = ANY ($3::text[])', 'told.tag <> ALL ($3::text[])', KNOWN],
    [', true) AS known', ', false) AS known', KNOWN],
    ['bool_and(t.status NOT', 'bool_and(t.status', KNOWN],
  ]),
  ...inStatement(
    'save-partials-if-held',
    [
      [
        'version = kept.version + 1',
        'version = kept.version',
        'two texts of one moment have two tags',
      ],
    ],
    'tags',
  ),
  ...inStatement('settle-batches', [['    version = b.version + 1,\n', '', EACH_TAG]], 'tags'),
  ...inStatement('find-batch', [['NOT seen.known', 'true', KNOWN]], 'tags'),
  ...inStatement('find-task', [['NOT seen.known', 'true', KNOWN]], 'tags'),
  ...inStatement(
    'find-batch',
    [['NOT seen.known', 'length(b::text) > 0', `${BY_KEYS} (statistics: none)`]],
    'poll-plans',
  ),
  ...inFile('edge/waiter.ts', 'test/watches.test.ts', [
    ['!seen.ended && ', '', 'what has ended is waited for by nobody'],
    [
      'isKnown ? { ...seen, body: null } : seen',
      'seen',
      'each is told what it does not know itself, and nothing else is made',
    ],
    [
      'common.filter((tag) => known.includes(tag))',
      '[...common, ...known]',
      'each is told what it does not know itself, and nothing else is made',
    ],
    [
      '!this.#expired && ',
      '',
      'the looks end with the last one who waits, and begin again with the next',
    ],
  ]),
  ...inFile('edge/watches.ts', 'test/watches.test.ts', [
    [
      'this.#open.get(thing.owner)?.get(thing.name) as Watch<Body> | undefined',
      'undefined as Watch<Body> | undefined',
      'all that wait for one thing share its looks; other things have their own',
    ],
    [
      'this.#lookFor([...this.#waiters])',
      'this.#lookFor(this.#waiters)',
      'who comes while a look is under way gets one of its own, which has seen what it has',
    ],
    [
      "    signal.addEventListener('abort', expire)\n",
      '',
      'the looks end with the last one who waits, and begin again with the next',
    ],
    [
      'this.#closed ? 0 : caller.waitMs',
      'caller.waitMs',
      'once closed, all are answered and nobody waits, but everybody is looked for',
    ],
    [
      'own.size < MOST_THINGS',
      'own.size > 0',
      'an owner waits for 20 things at once, by any number of requests',
    ],
  ]),
  ...inFile('edge/watches.ts', 'test/wait-bounds.test.ts', [
    [
      'this.#alone && pausedMs',
      'false && pausedMs',
      'where requests can share no looks, each takes fewer of them after a while',
    ],
  ]),
  ...inFile('edge/answer-when-changed.ts', 'test/wait-bounds.test.ts', [
    [
      ' && c.var.watches.hasRoom(thing)',
      '',
      'who waits for many things is answered at once about any more',
    ],
    [
      'if (waitS !== undefined) demandWithin((await c.var.counting) ?? [])',
      '',
      'who has asked too often is told so, and nobody else who waits for the same',
    ],
  ]),
  ...inFile('edge/page/client/waiting-place.ts', 'test/page-faults.test.ts', [
    [
      'lock ? act(true) : inPlace(act, others)',
      'act(true)',
      'the chat page > waits with two requests at most, of all tabs, and polls for the rest',
    ],
  ]),
]
