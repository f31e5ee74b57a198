import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { ClaimedTask } from '../drizzle/statements/claim-tasks-if-pending.ts'
import type { Outcome } from '../drizzle/statements/finish-tasks-if-held.ts'
import type { Release } from '../drizzle/statements/release-tasks-if-held.ts'
import type { AnswerPart } from '../workers-node/call-model.ts'
import { ModelError, type ModelFault } from '../workers-node/model-error.ts'
import { PostgresError } from '../workers-node/postgres.ts'
import { runTask, type TaskRunner } from '../workers-node/run-task.ts'
import { RunningCall } from '../workers-node/running-call.ts'
import { ChildDied } from '../workers-node/suspects.ts'

const TASK: ClaimedTask = {
  id: '01990b6e-7a4c-7000-8a5e-3f1c2b4d5e6f',
  fence: 1,
  attempt: 1,
  failures: 0,
  deaths: 0,
  child_deaths: 0,
  hopeless: false,
  node_id: null,
  node_url: null,
  probe: false,
  node_troubled: false,
  batch_id: '',
  conversation_id: '',
  owner: 'local',
  model: 'qwen3',
  family: 'qwen',
  slot: 0,
  mode: 'text',
  prompt: 'A prompt',
  files: [],
  system: null,
  temperature: null,
  max_tokens: null,
  traceparent: '',
  request_id: 'a-request',
  history: [],
}

/** A runner whose calls do this, and what it was told to store. */
function runner(answer: () => AsyncIterable<AnswerPart>, more: Partial<TaskRunner> = {}) {
  const stored: (Outcome | Release)[] = []
  const store = async (what: Outcome | Release) => {
    stored.push(what)
    return true
  }
  const whole: TaskRunner = {
    answer,
    finish: store,
    release: store,
    report: async () => {},
    maxAttempts: 3,
    maxDeaths: 5,
    retryBaseMs: 1,
    ...more,
  }
  return { stored, runner: whole }
}

async function* failing(error: Error): AsyncGenerator<AnswerPart> {
  yield { type: 'text', text: 'Begun' }
  throw error
}

/** What is stored of a call that ends with this error. */
async function storedAfter(error: Error, task: Partial<ClaimedTask>) {
  const { stored, runner: run } = runner(() => failing(error))
  await runTask(new RunningCall({ ...TASK, ...task }), run)
  return stored
}

test('a failure worth another try is handed back, but for the last of all attempts', async () => {
  const error = new ModelError({ code: 'model_unavailable', retryable: true })
  expect(await storedAfter(error, { failures: 1 })).toMatchObject([{ because: 'failed' }])
  expect(await storedAfter(error, { failures: 2, deaths: 9 })).toMatchObject([
    { status: 2, errorCode: 'model_unavailable', responseText: 'Begun', counts: 'failure' },
  ])
})

test('a node rests for all of the time that it asked for, and a task waits for less', async () => {
  const rests: unknown[] = []
  const report: TaskRunner['report'] = async (_, how, restMs) => void rests.push([how, restMs])
  const fault = { code: 'model_overloaded', retryable: true, node: 'rest' } as const
  const error = new ModelError({ ...fault, retryAfterMs: 1_800_000 })
  const { stored, runner: run } = runner(() => failing(error), { report })
  await runTask(new RunningCall(TASK), run)
  expect(rests).toContainEqual(['rest', 1_800_000])
  const [{ afterMs }] = stored as [Release]
  expect(afterMs).toBeGreaterThanOrEqual(120_000)
  expect(afterMs).toBeLessThanOrEqual(132_000)
})

test('a failure that another try would not mend ends the task at once', async () => {
  const error = new ModelError({ code: 'model_not_found' })
  expect(await storedAfter(error, {})).toMatchObject([{ status: 2, errorCode: 'model_not_found' }])
})

test('a task that ends its own process is handed back, but for the last of all deaths', async () => {
  expect(await storedAfter(new ChildDied(), { child_deaths: 3, failures: 9 })).toMatchObject([
    { because: 'died' },
  ])
  expect(await storedAfter(new ChildDied(), { child_deaths: 4 })).toMatchObject([
    { status: 2, errorCode: 'killed_worker', counts: 'child_death' },
  ])
})

test.each([
  ['lost', (call: RunningCall) => call.lose()],
  [
    'handed back',
    (call: RunningCall) => {
      call.released = true
      call.abort.abort()
    },
  ],
])('a call whose task is %s stores nothing, whether it then ends well or not', async (_, take) => {
  for (const ending of ['well', 'badly'] as const) {
    const call = new RunningCall(TASK)
    const { stored, runner: run } = runner(async function* () {
      yield { type: 'text', text: 'Begun' }
      take(call)
      if (ending === 'badly') throw call.abort.signal.reason
      yield { type: 'text', text: ' and done' }
    })
    await runTask(call, run)
    expect(stored).toEqual([])
  }
})

test('an answer that cannot be stored is tried again until its task is handed back', async () => {
  const call = new RunningCall(TASK)
  let tries = 0
  const { runner: run } = runner(
    async function* () {
      yield { type: 'text', text: 'Done' }
    },
    {
      async finish() {
        tries++
        throw new PostgresError('ECONNREFUSED')
      },
    },
  )
  const running = runTask(call, run)
  await pause(500)
  expect(call.ended).toBe(true)
  expect(tries).toBeGreaterThan(1)
  call.released = true
  await running
})

/** What comes of a task whose model says something and then fails so. */
async function runFailing(fault: Pick<ModelFault, 'code'> & Partial<ModelFault>, said = '') {
  const reports: string[] = []
  const failing = async function* (): AsyncGenerator<AnswerPart> {
    if (said) yield { type: 'text', text: said }
    throw new ModelError(fault)
  }
  const report: TaskRunner['report'] = async (_, how) => void reports.push(how)
  const { stored, runner: told } = runner(failing, { report })
  await runTask(new RunningCall(TASK), told)
  return { reports, stored }
}

test('of a node that was not asked nothing is said', async () => {
  const { reports, stored } = await runFailing({ code: 'file_unavailable', node: 'unasked' })
  expect(reports).toEqual([])
  expect(stored).toMatchObject([{ status: 2, errorCode: 'file_unavailable', files: [] }])
})

test('a node that answers with a refusal is well, and its words are kept', async () => {
  const said = 'I cannot create images.'
  const { reports, stored } = await runFailing({ code: 'soft_refusal' }, said)
  expect(reports).toEqual(['ok', 'ok'])
  expect(stored).toMatchObject([{ status: 2, errorCode: 'soft_refusal', responseText: said }])
})

test('a refusal that may be asked about again is', async () => {
  const { stored } = await runFailing({ code: 'soft_refusal', retryable: true })
  expect(stored).toMatchObject([{ taskId: TASK.id, because: 'failed' }])
})

test('the end of a call is stored after the save of its text that is under way', async () => {
  const { stored, runner: told } = runner(async function* () {
    yield { type: 'text', text: 'Done.' }
  })
  const call = new RunningCall(TASK)
  const { promise, resolve } = Promise.withResolvers<void>()
  call.saved = promise
  const running = runTask(call, told)
  await pause(50)
  expect(call.ended).toBe(true)
  expect(stored).toEqual([])
  resolve()
  await running
  expect(stored).toMatchObject([{ status: 1, responseText: 'Done.' }])
})

test('a call whose result finds its task held no more is lost', async () => {
  async function* answering(): AsyncGenerator<AnswerPart> {
    yield { type: 'text', text: 'An answer' }
  }
  const call = new RunningCall(TASK)
  await runTask(call, runner(answering, { finish: async () => false }).runner)
  expect(call.lost).toBe(true)
  const kept = new RunningCall(TASK)
  await runTask(kept, runner(answering).runner)
  expect(kept.lost).toBe(false)
})

/**
 * The outcome of a call whose model says these parts a while apart and then ends, and the least and the
 * most that can lie between two of them (the end is one more), in ms.
 */
async function outcomeOf(parts: AnswerPart[], error?: Error) {
  const heard: { from: number; to: number }[] = []
  const { stored, runner: told } = runner(async function* () {
    for (const part of parts) {
      await pause(20)
      const from = performance.now()
      try {
        yield part
      } finally {
        heard.push({ from, to: performance.now() })
      }
    }
    await pause(20)
    heard.push({ from: performance.now(), to: Number.POSITIVE_INFINITY })
    if (error) throw error
  })
  await runTask(new RunningCall(TASK), told)
  const last = heard.at(-1)!
  last.to = Math.min(last.to, performance.now())
  const between = (one: number, other: number) => ({
    least: Math.floor(heard[other]!.from - heard[one]!.to),
    most: Math.ceil(heard[other]!.to - heard[one]!.from),
  })
  return { outcome: stored[0] as Outcome, between }
}

const HM: AnswerPart = { type: 'reasoning', text: 'Hm.' }
const YES: AnswerPart = { type: 'text', text: 'Yes.' }
const BLANK: AnswerPart = { type: 'text', text: '\n\n' }
const TOO_LONG: AnswerPart = { type: 'text', text: 'a'.repeat(1024 * 1024 + 1) }

test.each([
  ['the first reasoning to the first text', [HM, HM, YES, YES], 0, 2],
  ['the first reasoning to the first text, though more of both come', [HM, YES, HM, YES], 0, 1],
  ['the first reasoning, and not from text ahead of it', [YES, HM, YES], 1, 2],
  ['the first reasoning to text that is not blank', [HM, BLANK, YES], 0, 2],
  ['the first reasoning to the first text of an answer that is cut', [HM, TOO_LONG], 0, 1],
  ['the first reasoning to the end where no text comes', [HM, HM], 0, 2],
] as const)('the time of reasoning is from %s', async (_, parts, first, last) => {
  for (const error of [undefined, new ModelError({ code: 'truncated' })]) {
    const { outcome, between } = await outcomeOf([...parts], error)
    const { least, most } = between(first, last)
    expect(outcome.reasoningMs).toBeGreaterThanOrEqual(least)
    expect(outcome.reasoningMs).toBeLessThanOrEqual(most)
  }
})

test('where no reasoning is shown there is no time of it', async () => {
  const blank: AnswerPart = { type: 'reasoning', text: ' \n' }
  for (const parts of [[YES], [blank, YES]]) {
    const { outcome } = await outcomeOf(parts)
    expect(outcome).toMatchObject({ status: 1, reasoningText: null, reasoningMs: null })
  }
})
