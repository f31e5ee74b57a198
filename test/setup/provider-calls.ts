import { inspect } from 'node:util'
import { afterAll, beforeAll, beforeEach, expect } from 'vitest'
import { familyOfModel } from '../../drizzle/contract/models.ts'
import type { ClaimedTask } from '../../drizzle/statements/claim-tasks-if-pending.ts'
import {
  type AnswerPart,
  type CalledModel,
  type CallTimeouts,
  callModel,
} from '../../workers-node/call-model.ts'
import { NO_FILE_HANDLES } from '../../workers-node/file-handles.ts'
import { openFiles } from '../../workers-node/files-door.ts'
import { ModelError, type ModelFault } from '../../workers-node/model-error.ts'
import { openModelFetch } from '../../workers-node/model-fetch.ts'
import type { Composing } from '../../workers-node/prompt/compose-prompt.ts'
import { deepseek } from '../../workers-node/providers/deepseek.ts'
import { gemini } from '../../workers-node/providers/gemini.ts'
import { openaiCompatible } from '../../workers-node/providers/openai-compatible.ts'
import type { Service } from '../../workers-node/providers/provider.ts'
import { type ModelServer, type Step, startModelServer } from './model-server.ts'

export type Fetch = typeof globalThis.fetch
type At = (url: string, through?: Fetch) => CalledModel

/** What no error and no log may quote. */
export const SECRET = 'SECRET WORDS'

/** Longer than a test may take: they end nothing in one that is not about them. */
const PATIENT: CallTimeouts = { firstTokenMs: 100_000, idleMs: 100_000, totalMs: 100_000 }

const { fetch, close } = openModelFetch({ connectMs: 20_000 })

/** A model of a service as a worker would call it, with patience. */
function called(service: Service, model: string): CalledModel {
  return {
    service,
    row: { ...familyOfModel(model)!, family: model },
    timeouts: PATIENT,
    pictureHosts: [],
  }
}

export const compatible: At = (url, through = fetch) =>
  called(openaiCompatible({ url, fetch: through }), 'qwen3')
export const google: At = (url, through = fetch) =>
  called(gemini({ url, key: 'test-key', fetch: through }), 'gemini-2.5-flash')
export const geminiService: At = (url, through = fetch) =>
  called(gemini({ url, fetch: through }), 'gemini-2.5-flash')
/** The SDK's own DeepSeek knows one host only: the way there leads here. */
export const ownDeepseek: At = (url, through = fetch) => {
  const there: Fetch = (input, init) =>
    through(String(input).replace('https://api.deepseek.com', url), init)
  return called(deepseek({ key: 'test-key', fetch: there }), 'deepseek-reasoner')
}
export const ollama: At = (url, through = fetch) =>
  called(deepseek({ url, fetch: through }), 'deepseek-r1:1.5b')

export type Spoken = 'openai' | 'google'

/** Every provider, and whose shapes its service speaks. */
export const PROVIDERS: [name: string, at: At, speaks: Spoken][] = [
  ['an OpenAI-compatible service', compatible, 'openai'],
  ['Google', google, 'google'],
  ['a Gemini service with uploads', geminiService, 'openai'],
  ['DeepSeek', ownDeepseek, 'openai'],
  ['R1 on Ollama', ollama, 'openai'],
]

/** Asks another model of the same service. */
export function asking(to: CalledModel, model: string): CalledModel {
  return called(to.service, model)
}

export type Call = {
  timeouts?: Partial<CallTimeouts>
  maxTokens?: number
  task?: Partial<ClaimedTask>
  composing?: Partial<Composing>
}

export function taskFor(to: CalledModel, { maxTokens, task }: Call = {}): ClaimedTask {
  return {
    id: '01990b6e-7a4c-7000-8a5e-3f1c2b4d5e01',
    owner: 'local',
    node_id: null,
    model: to.row.family,
    mode: 'text',
    system: null,
    temperature: null,
    max_tokens: maxTokens ?? null,
    history: [],
    prompt: SECRET,
    files: [],
    ...task,
  } as unknown as ClaimedTask
}

export function composing(given: Partial<Composing> = {}): Composing {
  const signal = new AbortController().signal
  return { files: openFiles({}), handles: NO_FILE_HANDLES, signal, ...given }
}

/** All that came of one call. */
export async function call(to: CalledModel, options: Call = {}) {
  const parts: AnswerPart[] = []
  let error: unknown
  try {
    const patient = { ...to, timeouts: { ...PATIENT, ...options.timeouts } }
    const stream = callModel(patient, taskFor(to, options), composing(options.composing))
    for await (const part of stream) {
      parts.push(part)
      if (part.type === 'text') heard.resolve()
    }
  } catch (thrown) {
    error = thrown
  }
  const textOf = (type: 'text' | 'reasoning') =>
    parts.map((part) => (part.type === type ? part.text : '')).join('')
  return {
    parts,
    error,
    text: textOf('text'),
    reasoning: textOf('reasoning'),
    files: parts.flatMap((part) => (part.type === 'file' ? part.file : [])),
    end: parts.find((part) => part.type === 'end'),
  }
}

/** A ModelError of exactly this, in which nobody's words but ours are found. */
export function expectFault(error: unknown, fault: Partial<ModelFault>): void {
  expect(error).toBeInstanceOf(ModelError)
  const { code, retryable, retryAfterMs, node } = error as ModelError
  const expected = { retryable: false, retryAfterMs: null, node: null, ...fault }
  expect({ code, retryable, retryAfterMs, node }).toEqual(expected)
  expect(inspect(error, { depth: Infinity, showHidden: true })).not.toContain(SECRET)
}

export const FAULT = { retryable: true, node: 'fault' } as const
export const UNREACHABLE = { code: 'model_unreachable', ...FAULT } as const
export const BROKE_OFF = { code: 'model_broke_off', ...FAULT } as const
export const UNAVAILABLE = { code: 'model_unavailable', ...FAULT } as const
export const INVALID = { code: 'model_answer_invalid', node: 'fault' } as const

export const never = new Promise<never>(() => {})

/** Resolved when the caller has had some text. */
export let heard = Promise.withResolvers<void>()
export const untilHeard: Step = { until: awaited((done) => void heard.promise.then(done)) }

/** A pause that begins when it is awaited. */
export const pause = (ms: number) => awaited((done) => void setTimeout(done, ms))

/** What begins only when it is awaited, as the steps of an answer are in their turn. */
export function awaited(begin: (done: () => void) => void): Promise<void> {
  // biome-ignore lint/suspicious/noThenProperty: that is what is awaited.
  return { then: begin } as unknown as Promise<void>
}

export const emptyDelta = (speaks: Spoken): Step => ({
  event:
    speaks === 'google'
      ? {
          candidates: [
            { content: { role: 'model', parts: [{ text: '', thoughtSignature: 'a' }] } },
          ],
        }
      : { choices: [{ index: 0, delta: { content: '', reasoning_content: '' } }] },
})

export const often = (step: Step): Step[] =>
  Array.from({ length: 200 }, () => [step, { until: pause(10) }]).flat()

/** A model server for the tests of a file, which begins each of them anew. */
export function useModelServer(): () => ModelServer {
  let server: ModelServer
  beforeAll(async () => {
    server = await startModelServer()
  })
  beforeEach(() => {
    server.requests.length = 0
    heard = Promise.withResolvers()
  })
  afterAll(async () => {
    await server.close()
    await close()
  })
  return () => server
}
