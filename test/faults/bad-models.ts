import type { TaskErrorCode } from '../../drizzle/contract/task-error-code.ts'
import { until } from '../setup/client.ts'
import type { Answer, Step } from '../setup/model-server.ts'
import { answerCalls, MODEL } from './fault-worker.ts'
import { demandDeadLetters, demandStreamsEmpty } from './outcomes.ts'
import {
  demand,
  demandAllEndedOnce,
  type FaultStack,
  type Figure,
  onStack,
  type Scenario,
  submitMany,
  WAIT_MS,
} from './scenario.ts'

/** Short time-outs, but long enough for all calls to come in; no pause that is worth the wait; the circuit stays closed. */
const SETTINGS = {
  FIRST_TOKEN_TIMEOUT_MS: '6000',
  IDLE_TIMEOUT_MS: '3000',
  RETRY_BASE_MS: '100',
  BREAKER_FAILURES: '1000',
}

const NEVER = new Promise<never>(() => {})
const GOOD: Step[] = [{ text: 'The whole.' }]
const ALIVE: Step = { comment: 'keep-alive', everyMs: 100, until: NEVER }
const fault = (status: number, headers?: Record<string, string>) => ({
  status,
  body: { error: { message: 'SECRET WORDS' } },
  headers,
})

/** What a model does, and what is to become of its task. */
type Case = {
  name: string
  /** The answer to a call; `earlier` calls of the task came before it. */
  answer(earlier: number): Answer
  /** The answer as it is stored, or why there is none. */
  ends: { text: string } | { code: TaskErrorCode }
  calls: number
}

/** The model does this in its first so many calls, and answers well after that. */
const firstly = (times: number, bad: Answer) => (earlier: number) => (earlier < times ? bad : GOOD)
const always = (bad: Answer) => () => bad

const CASES: Case[] = [
  {
    name: 'hangs before the first byte',
    answer: always('silence'),
    ends: { code: 'first_token_timeout' },
    calls: 1,
  },
  {
    name: 'sends keep-alives and no answer',
    answer: always([ALIVE]),
    ends: { code: 'first_token_timeout' },
    calls: 1,
  },
  {
    name: 'stalls in the middle while it sends keep-alives',
    answer: always([{ text: 'Half of ' }, ALIVE]),
    ends: { code: 'idle_timeout' },
    calls: 1,
  },
  {
    name: 'resets in the middle, once',
    answer: firstly(1, [{ text: 'Half of ' }, { reset: 'tcp' }]),
    ends: { text: 'The whole.' },
    calls: 2,
  },
  {
    name: 'resets in the middle, always',
    answer: always([{ text: 'Half of ' }, { reset: 'tcp' }]),
    ends: { code: 'model_broke_off' },
    calls: 3,
  },
  {
    name: 'resets before it answers, once',
    answer: firstly(1, 'reset'),
    ends: { text: 'The whole.' },
    calls: 2,
  },
  {
    name: 'stops in the middle without an end, once',
    answer: firstly(1, [{ text: 'Half of ' }, { cut: true }]),
    ends: { text: 'The whole.' },
    calls: 2,
  },
  {
    name: 'answers with a page of HTML',
    answer: always({
      status: 200,
      body: '<h1>It works!</h1>',
      headers: { 'content-type': 'text/html' },
    }),
    ends: { code: 'model_answer_invalid' },
    calls: 1,
  },
  {
    name: 'answers garbage in the middle',
    answer: always([{ text: 'Half of ' }, { raw: 'data: {"choices": [{\u0000\u001f\n\n' }]),
    ends: { code: 'model_answer_invalid' },
    calls: 1,
  },
  {
    name: 'writes NUL and lone surrogates',
    answer: always([{ text: 'a\u0000b\ud800c' }]),
    ends: { text: 'ab\ufffdc' },
    calls: 1,
  },
  {
    name: 'gives a name that cannot be stored',
    answer: always([
      { event: { model: 'a\u0000b', choices: [{ index: 0, delta: { content: 'x' } }] } },
    ]),
    ends: { code: 'unstorable_result' },
    calls: 1,
  },
  {
    name: 'answers nothing',
    answer: always([{ finish: 'stop' }]),
    ends: { code: 'empty_response' },
    calls: 1,
  },
  {
    name: 'answers 500, twice',
    answer: firstly(2, fault(500)),
    ends: { text: 'The whole.' },
    calls: 3,
  },
  {
    name: 'answers 500, always',
    answer: always(fault(500)),
    ends: { code: 'model_unavailable' },
    calls: 3,
  },
  {
    name: 'answers 400',
    answer: always(fault(400)),
    ends: { code: 'model_rejected_request' },
    calls: 1,
  },
]

const NEIGHBOURS = 10

export const scenarios: Scenario[] = [
  {
    fault:
      'a model that hangs before the first byte, stalls while it sends keep-alives, resets, stops without an end, answers garbage, NUL and lone surrogates, nothing, 500 or 400',
    holds:
      'each is classified, tried again or failed; partial text is no answer; neighbours are saved',
    run: () => onStack({}, runCases),
  },
  {
    fault: 'a model that answers 429 with Retry-After 1',
    holds: 'no call is made again before the second is over, and all are answered',
    run: () => onStack({}, waitAsAsked),
  },
]

/** All calls end together, as far as they end by themselves, so that their finishes are gathered. */
async function runCases(stack: FaultStack): Promise<Figure[]> {
  const together = Promise.withResolvers<void>()
  const calls = answerCalls(stack, ({ prompt, earlier }) => {
    const answer = CASES.find(({ name }) => name === prompt)?.answer(earlier) ?? GOOD
    return Array.isArray(answer) ? [{ until: together.promise }, ...answer] : answer
  })
  const worker = await stack.startWorker(SETTINGS)
  const prompts = [...CASES.map(({ name }) => name), ...Array(NEIGHBOURS).fill('a neighbour')]
  const accepted = await submitMany(stack, prompts.length, (i) => ({
    prompt: prompts[i]!,
    model: 'qwen3',
  }))
  await until(() => new Set(calls.map(({ prompt }) => prompt)).size === CASES.length + 1, WAIT_MS)
  together.resolve()

  const tasks = await demandAllEndedOnce(stack, accepted)
  for (const [i, { ends, calls: expected, name }] of CASES.entries()) {
    const { status, response_text, error_code, deaths } = tasks[i]!
    const made = calls.filter(({ prompt }) => prompt === name).length
    const found = status === 1 ? { text: response_text } : { code: error_code }
    demand(
      JSON.stringify(found) === JSON.stringify(ends) && made === expected && deaths === 0,
      `a model that ${name}: ${JSON.stringify(found)} after ${made} calls, ${deaths} deaths`,
    )
  }
  for (const { response_text, attempt } of tasks.slice(CASES.length)) {
    demand(response_text === 'The whole.' && attempt === 1, 'a neighbour was not saved')
  }
  await demandDeadLetters(
    stack,
    tasks.filter(({ status }) => status === 2),
  )
  await demandStreamsEmpty(stack.redisUrl)
  demand(!worker.output().includes('SECRET'), "the model's own words stand in the log")
  return []
}

async function waitAsAsked(stack: FaultStack): Promise<Figure[]> {
  const answeredAt = new Map<string, number>()
  const waits: number[] = []
  answerCalls(stack, (call) => {
    const before = answeredAt.get(call.prompt)
    if (before !== undefined) waits.push(call.at - before)
    answeredAt.set(call.prompt, call.at)
    return call.earlier === 0 ? fault(429, { 'retry-after': '1' }) : GOOD
  })
  await stack.startWorker(SETTINGS)
  const models = ['qwen3', MODEL]
  const accepted = await submitMany(stack, 10, (i) => ({ prompt: `${i}`, model: models[i % 2]! }))
  const tasks = await demandAllEndedOnce(stack, accepted, { extraCalls: 10 })
  const others = tasks.filter(({ status, failures }) => status !== 1 || failures > 1)
  demand(others.length === 0, `not answered by the second call: ${JSON.stringify(others[0])}`)
  demand(waits.length === tasks.length, `called again ${waits.length} times`)
  const [earliest, latest] = [Math.min(...waits), Math.max(...waits)]
  demand(earliest >= 1000, `called again too early, after ${earliest} ms`)
  return [{ name: 'called again after at most', value: latest, unit: 'ms', limit: 5000 }]
}
