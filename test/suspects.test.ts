import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import type { ClaimedTask } from '../drizzle/statements/claim-tasks-if-pending.ts'
import type { AnswerPart } from '../workers-node/call-model.ts'
import { ChildDied, Suspects } from '../workers-node/suspects.ts'
import { until } from './setup/client.ts'
import { commandOf, descendants, isAlive } from './setup/descendants.ts'
import { type ModelServer, startModelServer } from './setup/model-server.ts'
import { TRACEPARENT } from './setup/new-batch.ts'
import { withShim } from './setup/shims/with-shim.ts'
import { spawnProgram } from './setup/spawn-program.ts'

let models: ModelServer
let settings: Record<string, string>
const opened: Suspects[] = []

beforeAll(async () => {
  models = await startModelServer()
  settings = {
    // Nothing listens there: a process of a suspect has no business with either.
    DATABASE_URL: 'postgresql://127.0.0.1:1/none',
    REDIS_URL: 'redis://127.0.0.1:1',
    WORKER_STREAMS: 'qwen',
    LLM_SERVICE_URL: models.url,
  }
  for (const [name, value] of Object.entries(settings)) vi.stubEnv(name, value)
})
afterEach(async () => {
  for (const suspects of opened.splice(0)) suspects.close()
  await until(() => childPids().length === 0)
  models.requests.length = 0
})
afterAll(async () => {
  vi.unstubAllEnvs()
  await models.close()
})

function open(options: { atOnce?: number; silentMs?: number } = {}): Suspects {
  const suspects = new Suspects({ atOnce: 4, ...options })
  opened.push(suspects)
  return suspects
}

const never = new Promise<never>(() => {})
const notAborted = new AbortController().signal
const childPids = (root = process.pid) =>
  descendants(root).filter((pid) => commandOf(pid).includes('suspect-main.ts'))

function taskOf(overrides: Partial<ClaimedTask> = {}): ClaimedTask {
  return {
    id: '01990b6e-7a4c-7000-8a5e-3f1c2b4d5e6f',
    fence: 3,
    attempt: 3,
    failures: 0,
    deaths: 2,
    child_deaths: 0,
    hopeless: false,
    node_id: null,
    node_url: null,
    probe: false,
    node_troubled: false,
    batch_id: '01990b6e-7a4c-7000-8a5e-3f1c2b4d5e70',
    conversation_id: '01990b6e-7a4c-7000-8a5e-3f1c2b4d5e71',
    model: 'qwen3:1.7b',
    family: 'qwen',
    slot: 0,
    owner: 'local',
    mode: 'text',
    prompt: 'Why?',
    files: [],
    system: null,
    temperature: null,
    max_tokens: null,
    traceparent: TRACEPARENT,
    request_id: 'a-request',
    history: [],
    ...overrides,
  }
}

async function all(parts: AsyncIterable<AnswerPart>, into: AnswerPart[] = []) {
  for await (const part of parts) into.push(part)
  return into
}

test('the parts of an answer come in order, of a call with all that the task says', async () => {
  const words = Array.from({ length: 200 }, (_, i) => ({ text: `${i} ` }))
  models.answer(() => [{ reasoning: 'Hm\ud800' }, ...words])
  const task = taskOf({
    system: 'Be brief.',
    prompt: 'And you?\u0000é',
    temperature: 0.5,
    max_tokens: 99,
    history: [{ prompt: 'Hello', files: [], answer: 'Hi', made: [] }],
  })
  const parts = await all(open().call(task, notAborted))
  expect(parts.slice(0, -1)).toEqual([
    { type: 'reasoning', text: 'Hm\ud800' },
    ...words.map(({ text }) => ({ type: 'text', text })),
  ])
  expect(parts.at(-1)).toEqual({
    type: 'end',
    finishReason: 'stop',
    answeredBy: 'qwen3:1.7b',
    usage: { input_tokens: 11, output_tokens: 7, reasoning_tokens: 3, cached_tokens: 5 },
  })
  expect(models.requests).toMatchObject([
    {
      model: 'qwen3:1.7b',
      system: 'Be brief.',
      temperature: 0.5,
      maxTokens: 99,
      messages: [
        { role: 'user', text: 'Hello' },
        { role: 'assistant', text: 'Hi' },
        { role: 'user', text: 'And you?\u0000é' },
      ],
    },
  ])
})

test('an error of the model is the same as without a process between', async () => {
  models.answer(() => ({ status: 429, body: {}, headers: { 'retry-after': '7' } }))
  await expect(all(open().call(taskOf(), notAborted))).rejects.toMatchObject({
    name: 'ModelError',
    code: 'model_overloaded',
    retryable: true,
    retryAfterMs: 7000,
    node: 'rest',
  })
})

test('a call that fails by no fault of the model says so by its code, and does not count as a death', async () => {
  const failing = all(open().call(taskOf({ family: 'gemini' }), notAborted))
  await expect(failing).rejects.toMatchObject({ name: 'CallFailed', code: 'Error' })
})

test('a process that is killed in mid-call gives its parts, and then ChildDied', async () => {
  models.answer(() => [{ text: 'So ' }, { text: 'far' }, { until: never }])
  const parts: AnswerPart[] = []
  const call = all(open().call(taskOf(), notAborted), parts)
  await until(() => parts.length === 2)
  const [pid] = childPids()
  process.kill(pid!, 'SIGKILL')
  await expect(call).rejects.toThrow(ChildDied)
  expect(parts.map((part) => part.type === 'text' && part.text)).toEqual(['So ', 'far'])
})

test('a process that is killed before it has read its task is a death too', async () => {
  const call = all(open().call(taskOf(), notAborted))
  await until(() => childPids().length === 1)
  process.kill(childPids()[0]!, 'SIGKILL')
  await expect(call).rejects.toThrow(ChildDied)
  expect(models.requests).toEqual([])
})

test('a process whose event loop stands still is ended, and counts as dead', async () => {
  models.answer(() => [{ text: 'So far' }, { until: never }])
  const parts: AnswerPart[] = []
  const call = all(open({ silentMs: 8000 }).call(taskOf(), notAborted), parts)
  await until(() => parts.length === 1)
  process.kill(childPids()[0]!, 'SIGSTOP')
  await expect(call).rejects.toThrow(ChildDied)
}, 60_000)

test('a process that goes on is not taken for silent while the model thinks', async () => {
  const thought = Promise.withResolvers<void>()
  models.answer(() => [{ text: 'So ' }, { until: thought.promise }, { text: 'far' }])
  const parts: AnswerPart[] = []
  const call = all(open({ silentMs: 8000 }).call(taskOf(), notAborted), parts)
  await until(() => parts.length === 1)
  await pause(11_000)
  thought.resolve()
  expect(await call).toHaveLength(3)
}, 60_000)

test('signals to the whole group leave the call to its parent', async () => {
  const thought = Promise.withResolvers<void>()
  models.answer(() => [{ text: 'So ' }, { until: thought.promise }, { text: 'far' }])
  const parts: AnswerPart[] = []
  const call = all(open().call(taskOf(), notAborted), parts)
  await until(() => parts.length === 1)
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.kill(childPids()[0]!, signal)
  thought.resolve()
  expect(await call).toHaveLength(3)
})

test('an abort ends the process and its request, with the reason of the signal', async () => {
  models.answer(() => [{ text: 'So far' }, { until: never }])
  const abort = new AbortController()
  const parts: AnswerPart[] = []
  const call = all(open().call(taskOf(), abort.signal), parts)
  await until(() => parts.length === 1)
  abort.abort(new Error('enough'))
  await expect(call).rejects.toThrow('enough')
  await models.requests[0]!.gone
  await until(() => childPids().length === 0)
})

test('who leaves the answer early ends the process and its request', async () => {
  models.answer(() => [{ text: 'So far' }, { until: never }])
  for await (const part of open().call(taskOf(), notAborted)) {
    expect(part).toEqual({ type: 'text', text: 'So far' })
    break
  }
  await models.requests[0]!.gone
  await until(() => childPids().length === 0)
})

test('no more run at once than may, and the others follow', async () => {
  let most = 0
  const answers: PromiseWithResolvers<void>[] = []
  models.answer(() => {
    const answer = Promise.withResolvers<void>()
    answers.push(answer)
    return [{ until: answer.promise }, { text: 'done' }]
  })
  const suspects = open({ atOnce: 2 })
  const calls = Array.from({ length: 5 }, () => all(suspects.call(taskOf(), notAborted)))
  for (let done = 0; done < 5; done++) {
    await until(() => answers.length > done)
    most = Math.max(most, childPids().length, answers.length - done)
    answers[done]!.resolve()
  }
  expect(await Promise.all(calls)).toHaveLength(5)
  expect(most).toBe(2)
})

test('one that waits for its turn is aborted at once, and takes no turn', async () => {
  models.answer(() => [{ until: never }])
  const suspects = open({ atOnce: 1 })
  const first = all(suspects.call(taskOf(), notAborted)).catch((error: unknown) => error)
  const abort = new AbortController()
  const second = all(suspects.call(taskOf(), abort.signal))
  await until(() => models.requests.length === 1)
  abort.abort(new Error('enough'))
  await expect(second).rejects.toThrow('enough')
  expect(childPids()).toHaveLength(1)
  suspects.close()
  expect(await first).toMatchObject({ name: 'AbortError' })
})

test.each([
  'turns',
  'stands still',
])('a process whose event loop %s ends with its parent', async (how) => {
  const more = Promise.withResolvers<void>()
  models.answer(() => [{ text: 'So ' }, { until: more.promise }, { text: 'far' }, { until: never }])
  const parent = spawnProgram('node', ['test/setup/suspect-parent.ts'], {
    ...settings,
    ...withShim('block-on-sigusr2'),
    BLOCK_MS: '600000',
    TASK: JSON.stringify(taskOf()),
  })
  await parent.printed(/So /)
  const [pid] = childPids(parent.child.pid)
  if (how === 'stands still') {
    process.kill(pid!, 'SIGUSR2')
    await pause(1000)
    more.resolve()
    await pause(1000)
    expect(parent.output()).not.toMatch(/far/)
  }
  await parent.stop('SIGKILL')
  await until(() => !isAlive(pid!))
}, 60_000)
