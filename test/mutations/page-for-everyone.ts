import { inFile } from './mutation.ts'

const AXE = 'on a wide screen, in both themes and languages, > axe finds nothing wrong with:'
const LINES =
  'what has the focus, is chosen or waits is told by a line that stands out from all grounds:'
const NARROW = 'on a screen of 320 px > nothing is wider, and all is said in one language:'
const SWITCHED = 'the language > is switched in the page as it stands, and remembered'
const OTHER_TAB = 'the language > is the same in another tab, at once'
const TABS =
  'the tabs of a phone > bring their answer into view, follow a swipe, and leave nothing empty below'
const ASKED =
  'by the keyboard alone > one gets in, chooses models, asks them, and works with what they answer'
const ONE_KEY =
  'a shortcut > of one key opens the list, or goes to the prompt, but not where one types'

/** What lets everyone use the page: contrast, sizes, names, languages, the keyboard, what is read aloud. */
export const PAGE_FOR_EVERYONE = [
  ...inFile('edge/page/style/base.css', 'test/accessibility.test.ts', [
    ['--muted: light-dark(#5a6172', '--muted: light-dark(#9aa1b2', `${AXE} empty`],
    ['--accent: light-dark(#3b55d9', '--accent: light-dark(#c3ccf5', `${LINES} light`],
    [', #93a7ff)', ', #3a4168)', `${LINES} dark`],
  ]),
  ...inFile('edge/page/style/card.css', 'test/accessibility.test.ts', [
    ['  min-height: 1.5rem;\n', '', `${AXE} writing`],
  ]),
  ...inFile('edge/page/style/narrow.css', 'test/accessibility.test.ts', [
    [
      '    transition: none;\n',
      '',
      'nothing moves for whoever wants less motion, and it does for others',
    ],
  ]),
  ...inFile('edge/page/view/copy-button.tsx', 'test/accessibility.test.ts', [
    [
      'aria-label={say.ofModel(name, of)}\n      title={isCopied ? say.copied : name}\n',
      '',
      `${AXE} done`,
    ],
  ]),
  ...inFile('edge/page/state/settings.ts', 'test/page-settings.test.ts', [
    [
      '?? preferredLanguage(navigator.languages) ',
      '',
      'the language > is that of the browser, where the page speaks it: zh-CN',
    ],
    ["  remember('language', chosen)\n", '', SWITCHED],
    ["if (key === 'language')", "if (key === 'draft')", OTHER_TAB],
    ["if (key === 'theme')", "if (key === 'draft')", OTHER_TAB],
    [
      "  remember('theme', chosen)\n",
      '',
      "the theme > is the system's until one is chosen, which is remembered",
    ],
  ]),
  ...inFile('edge/page/early.ts', 'test/page-settings.test.ts', [
    ['if (theme) ', 'if (!theme) ', 'the theme > is there before anything is drawn'],
  ]),
  ...inFile('edge/page/words/zh.ts', 'test/page-settings.test.ts', [
    ["cancelAll: '全部取消'", "cancelAll: 'Cancel all'", `${NARROW} writing`],
  ]),
  ...inFile('edge/page/style/thread.css', 'test/page-settings.test.ts', [
    ['  overflow-wrap: anywhere;\n', '  white-space: pre;\n', `${NARROW} wide`],
  ]),
  ...inFile('edge/page/view/tabs.tsx', 'test/page-settings.test.ts', [
    ['if (card) row.scrollLeft', 'if (!card) row.scrollLeft', TABS],
    ['const now = inViewOf(row)', 'const now = [0]', TABS],
    ['size.observe(card)', 'fit()', TABS],
  ]),
  ...inFile('edge/page/style/base.css', 'test/page-keyboard.test.ts', [
    ['  outline: 2px solid var(--accent);\n', '  outline: none;\n', ASKED],
  ]),
  ...inFile('edge/page/view/app.tsx', 'test/page-keyboard.test.ts', [
    ['onClick={focusPrompt}', '', ASKED],
  ]),
  ...inFile('edge/page/view/use-kept-focus.ts', 'test/page-keyboard.test.ts', [
    [
      'root.current?.focus()',
      'root.current',
      'by the keyboard alone > one cancels, retries, and asks again with another prompt',
    ],
  ]),
  ...inFile('edge/page/view/undo.tsx', 'test/page-keyboard.test.ts', [
    [
      '    link?.focus()\n',
      '',
      'by the keyboard alone > one renames a conversation, deletes it and takes that back',
    ],
  ]),
  ...inFile('edge/page/view/settings.tsx', 'test/page-keyboard.test.ts', [
    [
      "            closePopover('settings')\n",
      '',
      'by the keyboard alone > one opens and closes the settings and the list of shortcuts',
    ],
  ]),
  ...inFile('edge/page/state/shortcuts.ts', 'test/page-keyboard.test.ts', [
    [' || isTyping(event.target)', '', ONE_KEY],
    ['!singleKeys.value || ', '', ONE_KEY],
    [
      '    searchCount.value++\n',
      '',
      'a shortcut > with Ctrl searches, and begins a new chat; the rest stays within reach',
    ],
  ]),
  ...inFile('edge/page/state/input-method.ts', 'test/page-keyboard.test.ts', [
    [
      ' || keyCode === 229',
      '',
      'a shortcut > does not send what an input method has not composed yet',
    ],
  ]),
  ...inFile('edge/page/state/announcer.ts', 'test/page-keyboard.test.ts', [
    [
      'all.map(',
      'all.slice(-1).map(',
      'a screen reader > hears each thing once: that a prompt is sent, each end, and the connection',
    ],
  ]),
]
