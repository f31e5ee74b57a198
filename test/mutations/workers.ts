import { inFile, type Mutation } from './mutation.ts'

const ONE_LETTER =
  'a bad message is one dead letter, though its reader died before it was acknowledged'
const NOTHING_TO_FORGET =
  'there is nothing to forget in a Redis that has lost its streams, or their groups'

/** Guards that are no SQL: what a worker may do, and when. */
export const WORKERS: Mutation[] = [
  ...inFile('workers-node/lookout.ts', 'test/lookout.test.ts', [
    [
      'key !== undefined && !present.has(key)',
      'key !== undefined',
      'after a wake, what the dead have read and not claimed is put back, what the living have is not',
    ],
    [
      'if (this.looksAtReaders > 0) ',
      'if (false) ',
      'after a wake, what the dead have read and not claimed is put back, what the living have is not',
    ],
    [
      'return this.options.contact.lastsMs() > this.options.leaseMs',
      'return true',
      'nothing is taken back before contact has lasted for a lease, and then it is',
    ],
    [
      'key !== ownKey && ',
      '',
      'tasks of a holder without a lock are taken back, but not those of the one who looks',
    ],
    [
      'name !== consumer && ',
      '',
      'whose lock is there at the next look keeps its messages, and the one who looks keeps its own',
    ],
    [
      'names.filter((name) => this.lockless.has(name))',
      'names',
      'whose lock is there at the next look keeps its messages, and the one who looks keeps its own',
    ],
  ]),
  ...inFile('workers-node/consumer-name.ts', 'test/lookout.test.ts', [
    [
      '/-w([0-9a-f]{1,16})$/',
      '/-w?([0-9a-f]{1,16})$/',
      'after a wake, what the dead have read and not claimed is put back, what the living have is not',
    ],
  ]),
  ...inFile('workers-node/lookout.ts', 'test/outage.test.ts', [
    [
      ' && pending === 0',
      ' && pending >= 0',
      'a bad message that could not be stored is dealt with later, though its reader is idle',
    ],
  ]),
  ...inFile('workers-node/consume.ts', 'test/outage.test.ts', [
    [
      '    onLeftPending()\n',
      '',
      'a bad message that could not be stored is dealt with later, though its reader is idle',
    ],
  ]),
  ...inFile('workers-node/looks.ts', 'test/looks.test.ts', [
    [
      'performance.now() - at >= ms',
      'at >= 0',
      'the latest look counts of those that were answered so long ago, and none before that',
    ],
    [
      'findLastIndex',
      'findIndex',
      'the latest look counts of those that were answered so long ago, and none before that',
    ],
  ]),
  ...inFile('workers-node/contact.ts', 'test/contact.test.ts', [
    [
      'if (error instanceof PostgresError) this.since = performance.now()',
      '',
      'with a statement that fails, contact begins anew',
    ],
    [
      'if (performance.now() - began > SLOW_MS) this.since = performance.now()',
      '',
      'with an answer that takes long, contact begins anew',
    ],
    [
      'if (now - this.lastTick > gapMs) this.since = now',
      '',
      'a process that stood still has had no contact meanwhile',
    ],
  ]),
  ...inFile('workers-node/run-task.ts', 'test/run-task.test.ts', [
    [
      'failures + 1 < maxAttempts',
      'failures < maxAttempts',
      'a failure worth another try is handed back, but for the last of all attempts',
    ],
    [
      'retryAfterMs !== null && ',
      '',
      'a failure that another try would not mend ends the task at once',
    ],
    [
      'child_deaths + 1 < maxDeaths',
      'child_deaths < maxDeaths',
      'a task that ends its own process is handed back, but for the last of all deaths',
    ],
    [
      'if (call.lost || call.released) return\n  call.ended',
      'if (call.released) return\n  call.ended',
      'a call whose task is lost stores nothing, whether it then ends well or not',
    ],
    [
      '; !call.released; ',
      '; ; ',
      'an answer that cannot be stored is tried again until its task is handed back',
    ],
  ]),
  ...inFile('workers-node/every.ts', 'test/every.test.ts', [
    [
      'Math.max(began + ms - performance.now(), 0)',
      'began * 0 + ms',
      'the time from one beginning to the next is the same, however long each takes',
    ],
  ]),
  ...inFile('workers-node/heartbeat.ts', 'test/heartbeat.test.ts', [
    [
      'if (kept.has(call.task.id)) call',
      'call',
      'a text that could not be kept is kept the next time, though it has not grown',
    ],
  ]),
  ...inFile('workers-node/session-lock.ts', 'test/session-lock.test.ts', [
    [
      ' && !this.failing',
      '',
      'a silent database is waited for once, and the lock is taken when it answers again',
    ],
    [
      '    this.outcome.resolve()\n',
      '',
      'nobody waits longer than for the first attempt while the lock cannot be had',
    ],
  ]),
  ...inFile('workers-node/redis.ts', 'test/read-groups.test.ts', [
    ["pending = is['pending']", '', 'what was read and not acknowledged is counted as pending'],
  ]),
  ...inFile('workers-node/lookout.ts', 'test/lookout.test.ts', [
    [
      'const DEAD_LOOKS = 2',
      'const DEAD_LOOKS = 1',
      'a holder whose lock is away at one look, and there at the next, keeps its tasks',
    ],
  ]),
  ...inFile('workers-node/redis.ts', 'test/outage.test.ts', [
    [', FIRST_ID, firstId)', ')', ONE_LETTER],
    [
      'if (fields?.at(-2) !== FIRST_ID) return',
      'return',
      'a bad message that could not be stored is dealt with later, though its reader is idle',
    ],
  ]),
  ...inFile('workers-node/worker.ts', 'test/outage.test.ts', [
    [
      "await untilDone('tasks handed back, but not rung', () => ring(redis, tasks))",
      'await ring(redis, tasks).catch(() => {})',
      'a drain rings what it hands back, though Redis is away for a moment',
    ],
  ]),
  ...inFile('workers-node/worker.ts', 'test/faults/deaths.test.ts', [
    [
      'const SUSPECT_DEATHS = 2',
      'const SUSPECT_DEATHS = 9',
      'faults > a task that kills its process every time, beside 49 good ones: it fails as killed_worker with a dead letter; two workers die of it; the 49 succeed',
    ],
  ]),
  ...inFile('workers-node/heartbeat.ts', 'test/worker.test.ts', [
    ['    call.lose()\n', '', 'a call whose task is no longer ours is ended at once'],
  ]),
  ...inFile('workers-node/files-door.ts', 'test/faults/clock-off.test.ts', [
    [
      'const URL_SERVES_S = 3_600',
      'const URL_SERVES_S = 300',
      'faults > clock of one of two workers ten minutes slow (leases only): no difference: nothing is taken from the living, retries come when due, files are fetched, the dead are replaced',
    ],
  ]),
  ...inFile('workers-node/replay-letters.ts', 'test/dlq.test.ts', [
    [
      'await redis?.wake().catch(() => {})\n',
      '\n',
      'a task is started though the answer to its replay is lost, and all workers are idle',
    ],
  ]),
  ...inFile('edge/replay-letters.ts', 'test/operators.test.ts', [
    [
      '    wakeWorkers(c)\n',
      '',
      'on node > where the answer to a replay is lost, workers are asked to look for what nobody rang',
    ],
  ]),
  ...inFile('workers-node/redis.ts', 'test/sweep.test.ts', [
    ["isReply(error, 'ERR no such key') || isReply", 'isReply', NOTHING_TO_FORGET],
    [" || isReply(error, 'NOGROUP')) return []", ') return []', NOTHING_TO_FORGET],
  ]),
  ...inFile('workers-node/sweep.ts', 'test/sweep.test.ts', [
    [
      'ringTasksIfLost(readings, clock!.moment, STEP)',
      "ringTasksIfLost(readings, 'now', STEP)",
      'a refill that takes longer than a ring may be silent rings each task once, and ends',
    ],
  ]),
]
