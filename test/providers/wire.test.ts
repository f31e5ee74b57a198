import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { ModelError } from '../../workers-node/model-error.ts'
import type { Answer } from '../setup/model-server.ts'
import {
  awaited,
  call,
  compatible,
  geminiService,
  google,
  ollama,
  ownDeepseek,
  SECRET,
  useModelServer,
} from '../setup/provider-calls.ts'
import { DEEPSEEK } from './wire/deepseek.ts'
import type { Fixture } from './wire/fixture.ts'
import { GOOGLE } from './wire/google.ts'
import { OLLAMA } from './wire/ollama.ts'
import { OPENAI } from './wire/openai.ts'

const server = useModelServer()

/** The answers of the vendors, as they send them. */
const FIXTURES: [name: string, at: typeof google, fixture: Fixture][] = [
  ['Google', google, GOOGLE],
  ['DeepSeek', ownDeepseek, DEEPSEEK],
  ['R1 on Ollama', ollama, OLLAMA],
  ['vLLM', compatible, OPENAI],
  ['a Gemini service', geminiService, OPENAI],
]

describe.each(FIXTURES)('%s:', (_, modelAt, fixture) => {
  const { text, reasoning, usage, answeredBy, finishReason } = fixture
  const expectAll = async (answer: Answer) => {
    server().answer(() => answer)
    const came = await call(modelAt(server().url))
    expect(came.error).toBeUndefined()
    expect(came).toMatchObject({ text, reasoning, end: { usage, answeredBy, finishReason } })
    expect(came.parts.at(-1)).toBe(came.end)
  }

  test('a streamed answer', () => expectAll(raw([Buffer.from(fixture.streamed)])))

  test('a stream that is cut anywhere, in the middle of a character too', async () => {
    const bytes = Buffer.from(fixture.streamed)
    await expectAll(raw(Array.from(bytes, (_, i) => bytes.subarray(i, i + 1))))
  })

  test('an answer that is not streamed though it was to be', () =>
    expectAll({ status: 200, body: fixture.plain }))

  test.each(fixture.errors)('error $status', async ({ status, body, code }) => {
    server().answer(() => ({ status, body }))
    const { error } = await call(modelAt(server().url))
    expect(error).toBeInstanceOf(ModelError)
    expect(error).toMatchObject({ code })
    expect(inspect(error, { depth: Infinity, showHidden: true })).not.toContain(SECRET)
  })
})

/** These bytes as the whole of a response, each piece in a packet of its own. */
function raw(pieces: Buffer[]): Answer {
  const steps = pieces.flatMap((piece) => [
    { raw: piece },
    { until: awaited((done) => void setImmediate(done)) },
  ])
  return [...steps, { cut: true }]
}
