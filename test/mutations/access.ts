import { inFile, type Mutation } from './mutation.ts'

/** Lets an operation be used by others than those for whom it is. */
const letting = (name: string, access: string, instead: string, title: string) =>
  inFile(`edge/routes/${name}.ts`, 'test/access.test.ts', [
    [`access: '${access}'`, `access: '${instead}'`, title],
  ])
const opened = (name: string, title: string) => letting(name, 'operator', 'owner', title)

const NO_LOG = 'on node > no log has any of it'
const STORED = 'the page, under its policy > shows stored texts of all kinds, and none of them runs'

export const ACCESS: Mutation[] = [
  ...opened('list-dead-letters', 'GET /v1/dead-letters'),
  ...opened('purge-dead-letters', 'DELETE /v1/dead-letters'),
  ...opened('replay-dead-letters', 'POST /v1/dead-letters/replay'),
  ...opened('get-dead-letter', 'GET /v1/dead-letters/{dead_letter_id}'),
  ...opened('purge-dead-letter', 'DELETE /v1/dead-letters/{dead_letter_id}'),
  ...opened('replay-dead-letter', 'POST /v1/dead-letters/{dead_letter_id}/replay'),
  ...opened('list-nodes', 'GET /v1/nodes'),
  ...opened('list-streams', 'GET /v1/streams'),
  ...letting('list-models', 'owner', 'public', 'GET /v1/models'),
  ...inFile('edge/routes/record-heartbeat.ts', 'test/access.test.ts', [
    ['await checkToken(c)\n', '\n', 'POST /v1/nodes/heartbeat without the token'],
  ]),
  ...inFile('edge/routes/choose-answer.ts', 'test/access.test.ts', [
    [
      "case 'foreign':\n        throw new ApiError('invalid_request', 'task_id: no task of this batch', 'task_id')",
      "case 'foreign':\n        break",
      "an answer of another cannot be chosen in a batch of one's own",
    ],
  ]),
  ...inFile('edge/answer-when-changed.ts', 'test/access.test.ts', [
    [
      'const thing = { owner: c.var.owner, name',
      "const thing = { owner: '', name",
      "who waits for another's batch, while its owner does, hears at once that there is none",
    ],
  ]),
  ...inFile('edge/page/markdown/markdown.ts', 'test/xss.test.ts', [
    [
      'purify.sanitize(html.trim(), ALLOWED) as unknown as DocumentFragment',
      'document.createRange().createContextualFragment(html.trim() + (purify ? "" : ""))',
      'the page, under its policy > shows stored texts of all kinds, and none of them runs',
    ],
  ]),
  ...inFile('edge/page/markdown/maths.ts', 'test/markdown.test.ts', [
    [
      'purify.sanitize(html, ALLOWED) as unknown as DocumentFragment',
      'document.createRange().createContextualFragment(html + (purify ? "" : ""))',
      'maths > is shown in a line and displayed, by each of its signs',
    ],
    [
      'source.length > LONGEST_SOURCE',
      'source.length > 2 * LONGEST_SOURCE',
      'maths > that cannot be read stays as its source, beside what can',
    ],
  ]),
  ...inFile('edge/page/markdown/maths-syntax.ts', 'test/markdown.test.ts', [
    [
      "'a'.repeat(maths.length)",
      'maths',
      'maths > is shown in a line and displayed, by each of its signs',
    ],
    [
      "src.startsWith('$$') && !TWO",
      "src === '' && !TWO",
      'maths > leaves prices, escaped brackets, code and what is not closed as they are',
    ],
  ]),
  ...inFile('edge/page/markdown/highlight.ts', 'test/markdown.test.ts', [
    [
      'return LANGUAGES.has(language.toLowerCase())',
      'return LANGUAGES.size > 0',
      'code > of no known language fetches nothing',
    ],
    [
      'code.length <= MOST_CHARACTERS',
      'code.length > 0',
      'code > beyond 50,000 characters goes on without colours',
    ],
  ]),
  ...inFile('edge/page/markdown/keep-selection.ts', 'test/markdown.test.ts', [
    [
      'if (from && to) selection',
      'if (from === to) selection',
      'code > keeps what is selected while it gets its colours and grows',
    ],
  ]),
  ...inFile('edge/page/build.ts', 'test/page-size.test.ts', [
    [
      'await rm(join(outDir',
      'void (join(outDir',
      'a build leaves what has not changed, and takes away the chunks of earlier ones',
    ],
    [
      'path === library ?',
      "path === '' ?",
      'the first load waits for no other file, and the libraries are files of their own',
    ],
  ]),
  ...inFile('edge/neon.ts', 'test/canaries.test.ts', [
    [
      'throw new DatabaseError(code ??',
      'throw new DatabaseError((error as { detail?: string }).detail ?? code ??',
      NO_LOG,
    ],
  ]),
  ...inFile('workers-node/postgres.ts', 'test/canaries.test.ts', [
    [
      'throw new PostgresError(code)',
      'throw Object.assign(new PostgresError(code), { code: code + String((error as { detail?: string }).detail) })',
      NO_LOG,
    ],
  ]),
  ...inFile('workers-node/run-task.ts', 'test/canaries.test.ts', [
    [
      'errorMsg: TASK_ERRORS[code],',
      'errorMsg: outcome.responseText || TASK_ERRORS[code],',
      'on node > dead_letters has none of it',
    ],
  ]),
  ...inFile('edge/node.ts', 'test/canaries.test.ts', [
    [
      "process.on('uncaughtException', ",
      "process.on('not-this-one', ",
      'an error that ends a gateway on node is not printed whole',
    ],
  ]),
  ...inFile('edge/page/view/turn-view.tsx', 'test/xss.test.ts', [
    ['      {text}\n', '      <p dangerouslySetInnerHTML={{ __html: text }} />\n', STORED],
  ]),
  ...inFile('edge/page/view/file-list.tsx', 'test/xss.test.ts', [
    [
      '<span class="file-name">{name}</span>',
      '<span class="file-name" dangerouslySetInnerHTML={{ __html: name }} />',
      STORED,
    ],
  ]),
  ...inFile('edge/page/view/markdown.tsx', 'test/xss.test.ts', [
    ['growing.current?.show(text)', '(box.current!.innerHTML = text)', STORED],
  ]),
]
