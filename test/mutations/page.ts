import { inFile } from './mutation.ts'

const ONCE =
  'a prompt > whose answer was lost begins once only, also when it is sent again after a reload'
const ASIDE =
  'a prompt > that is edited puts aside what was being written, whole, and Undo brings it back'
const OPENS =
  'a conversation of many prompts > opens at its last one, and leaves alone who has begun to read meanwhile'
const RETRIED =
  'an answer that is being written > is retried where it failed or was cancelled, and nothing else changes'

/** What is done with answers and with a prompt on the chat page. */
export const PAGE = [
  ...inFile('edge/page/state/idempotency.ts', 'test/page-sending.test.ts', [
    ['key && known === print ? key : randomKey()', 'randomKey()', ONCE],
  ]),
  ...inFile('edge/page/state/thread.ts', 'test/page-sending.test.ts', [
    ['  if (turns.value.some(({ id }) => id === batchId)) return\n', '', ONCE],
  ]),
  ...inFile('edge/page/state/send.ts', 'test/page-sending.test.ts', [
    [
      '    await untilUploaded()\n',
      '',
      'a file > shows how far its upload is, and the prompt waits for it',
    ],
    [
      'sayProblem(error, ({ problems }) => problems.notSent)',
      'sayProblem(error)',
      'a prompt > says that it is kept where there is no network, and of a file only that it was not uploaded',
    ],
    [
      '  if (markGone(error)) return (words) => words.filesFailed\n',
      '',
      'a file > that the server has forgotten says so, and keeps the prompt',
    ],
  ]),
  ...inFile('edge/page/state/edit-again.ts', 'test/page-sending.test.ts', [
    [' && !(text === putIn?.text && files === putIn.files)', '', ASIDE],
    [' || files.length > 0\n', '\n', ASIDE],
    ['  choose(back.choice)\n', '', ASIDE],
    [
      '  letGo(aside.value?.files ?? [])\n',
      '',
      'a prompt > that is edited once more gives up what was put aside for what has been written since',
    ],
  ]),
  ...inFile('edge/page/state/attachments.ts', 'test/page-sending.test.ts', [
    [
      'uploadedAt !== null && Date.now()',
      'Date.now()',
      'a file > of a draft is gone a day later, and one of an earlier prompt is not',
    ],
    [
      '    leave.abort()\n',
      '    void leave\n',
      'a file > that is removed while it is uploaded is uploaded no further',
    ],
  ]),
  ...inFile('edge/page/state/models.ts', 'test/page-sending.test.ts', [
    ['>= MAX_MODELS', '> MAX_MODELS', 'a prompt > is asked of eight models at most'],
  ]),
  ...inFile('edge/page/state/thread.ts', 'test/page-answers.test.ts', [
    ['await retryTask(taskId))\n    follow(turn)\n', 'await retryTask(taskId))\n', RETRIED],
    [
      '  turn.following?.abort()\n  if (isRunning(turn)) follow(turn)\n',
      '',
      'an answer that is being written > stays cancelled, though what was so before comes later',
    ],
    [
      '    if (isOver(turn, batch)) turn.problem.value = null\n',
      '',
      'an answer that is being written > that could not be cancelled while offline goes on, and no more is said of it',
    ],
  ]),
  ...inFile('edge/page/view/use-follow-bottom.ts', 'test/page-answers.test.ts', [
    ['if (isOpening && ', 'if (!scroller && ', OPENS],
    [' && scroller.scrollTop === put', '', OPENS],
  ]),
  ...inFile('edge/page/style/tabs.css', 'test/page-answers.test.ts', [
    [
      '  position: sticky;\n',
      '',
      'an answer that is there > is one of five with 10,000 characters each, at 1280 px',
    ],
  ]),
  ...inFile('edge/page/state/shortcuts.ts', 'test/page-answers.test.ts', [
    [
      "  if (document.querySelector(':popover-open, dialog[open]')) return false\n",
      '',
      'an answer that is being written > is cancelled by Esc where it is of the newest prompt and nothing is open',
    ],
  ]),
  ...inFile('edge/page/state/result-state.ts', 'test/page-answers.test.ts', [
    [
      'if (!sameCall || ',
      'if (now || !sameCall || ',
      'an answer that is there > says how long it was thought of where it is cancelled while it is written',
    ],
  ]),
  ...inFile('edge/page/view/card-actions.tsx', 'test/page-answers.test.ts', [
    [
      'isChosen ? null : id',
      'id',
      'an answer that is there > is chosen for what comes after, or taken back, until the conversation goes on',
    ],
  ]),
]
