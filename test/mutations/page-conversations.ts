import { inFile, type Mutation, type Row } from './mutation.ts'

const inList = (file: string, rows: Row[]) =>
  inFile(`edge/page/${file}`, 'test/page-conversations.test.ts', rows)

const DELETED = 'a deleted conversation >'
const GONE = `${DELETED} is gone at once, and comes back by its own Undo, for six seconds`
const RENAMED = 'the list of conversations > is renamed by the menu, by a double click and by F2'
const REFUSED = 'the list of conversations > shows the old title again where the new one is refused'
const MORE =
  'the list of conversations > brings the rest by More, each once, also after a new one has come in'

const LOST = 'the list of conversations > loses what was deleted elsewhere'
const FURTHER_DOWN = `${LOST}, and nothing that is further down`

/** What the page does with the list of conversations. */
export const PAGE_CONVERSATIONS: Mutation[] = [
  ...inList('state/conversations.ts', [
    [
      'const TYPING_MS = 250',
      'const TYPING_MS = 0',
      'the search > finds by title and by prompt, and asks once for a word that is typed',
    ],
    [
      'listedFor.value === wanted()',
      'listedFor.value !== null',
      'the list of conversations > says that nothing was found, or is there, only of what was looked for',
    ],
    [
      "if (how === 'anew') asking.abort()",
      '',
      'the list of conversations > shows the answer to the last search, though an older one comes later',
    ],
    ['then.filter((one) => !ids.has(one.conversation_id))', 'then', MORE],
    ['showTitle(id, before.title)', '', REFUSED],
    [
      '  if (!last || next_cursor === null) return []\n',
      '  if (!last) return []\n',
      `${LOST} when it is read again`,
    ],
    ['Date.parse(one.updated_at) <= Date.parse(last.updated_at)', 'true', FURTHER_DOWN],
    ['if (loaded.value.length === page.conversations.length) cursor', 'cursor', FURTHER_DOWN],
  ]),
  ...inList('state/deletions.ts', [
    ['clearTimeout(timer)\n  forget(id)', 'forget(id)', GONE],
    ['const UNDO_MS = 6000', 'const UNDO_MS = 5000', GONE],
    [
      '    spare(id)\n    const why',
      '    const why',
      `${DELETED} comes back, with the reason, where the server does not delete it`,
    ],
    [
      '      clearTimeout(timer)\n      void send({ id, title })',
      '',
      `${DELETED} is deleted by leaving for a closed tab`,
    ],
    [
      "rememberList('deleting', [...underWay])",
      "rememberList('deleting', [])",
      `${DELETED} is not listed by a reload, however long the server takes`,
    ],
  ]),
  ...inList('view/sidebar.tsx', [["    next?.querySelector('a')?.focus()\n", '', MORE]]),
  ...inList('view/conversation-row.tsx', [
    ["if (how === 'by key') requestAnimationFrame", 'requestAnimationFrame', RENAMED],
    [
      'if (openId.value === id) newChat()\n    else',
      '',
      `${DELETED} that was open gives way to a new chat`,
    ],
  ]),
]
