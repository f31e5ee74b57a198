import { inFile, type Mutation, type Row } from './mutation.ts'

const inFaults = (file: string, rows: Row[]) =>
  inFile(`edge/page/${file}`, 'test/page-faults.test.ts', rows)

const PAGE = 'the chat page >'
const PATIENT = `${PAGE} asks again no sooner than a refused poll was told`
const STILL = `${PAGE} says how long it must keep still, and then goes on`
const HIDDEN = `${PAGE} breaks off its wait while it is hidden, asks nothing, and catches up`
const RESTART = `${PAGE} outlives a gateway that is stopped and started again in mid-answer`
const READ = `${PAGE} reads its history once, and on only where another tab has sent something`

/** How the page comes through faults. */
export const PAGE_FAULTS: Mutation[] = [
  ...inFaults('client/keep-trying.ts', [
    ['Math.max(retryAfterMs ?? 0, ', 'Math.max(0, ', PATIENT],
    ['settled(ask)', '', RESTART],
  ]),
  ...inFaults('client/poll-batch.ts', [['tag !== null && !isRepeat', 'tag !== null', RESTART]]),
  ...inFaults('client/connection.ts', [
    ['if (error.status === 429) busyUntil', 'if (error.status === 0) busyUntil', STILL],
    [
      "if (!online.value) return { kind: 'offline' }",
      '',
      `${PAGE} shows what came while it was offline as soon as it is back`,
    ],
  ]),
  ...inFaults('client/api-error.ts', [['[0, 408', '[408', RESTART]]),
  ...inFaults('client/pause.ts', [["=== 'hidden' && hidden.abort()", "=== ''", HIDDEN]]),
  ...inFaults('state/thread.ts', [
    [
      'if (isRunning(turn) && !turn.following) follow(turn)',
      'if (!turn.following) follow(turn)',
      `${PAGE} never asks for a batch that has ended`,
    ],
    [' && changedAt <= read.until', ' && changedAt === read.cursor', READ],
    ['  visit.abort()\n', '', `${PAGE} breaks off its wait when another conversation is opened`],
  ]),
  ...inFaults('state/catch-up.ts', [['await catchUpThread(', 'void (', READ]]),
  ...inFaults('state/conversations.ts', [
    [
      '  refreshing.abort()\n',
      '',
      `${PAGE} asks once for what has come elsewhere, however often it was shown meanwhile`,
    ],
  ]),
  ...inFaults('state/result-state.ts', [
    [
      ' ?? result.queued_at',
      '',
      'while no worker is there, the chat page > says how long an answer has waited since it was tried again',
    ],
  ]),
  ...inFaults('state/models.ts', [
    [
      'const AGAIN_MS = 10_000',
      'const AGAIN_MS = 1_000_000',
      'while no worker is there, the chat page > says so, and shows the answer when one comes',
    ],
  ]),
  ...inFile('edge/graceful-end.ts', 'test/polling.test.ts', [
    [
      'for (const socket of unused) socket.destroy()',
      '',
      'the answers > a gateway that is told to end answers who waits, and ends',
    ],
    [
      'setInterval(() => server.closeIdleConnections(), LOOK_MS)',
      '',
      'the answers > a gateway that is told to end answers who waits, and ends',
    ],
  ]),
]
