import { Agent, fetch, getGlobalDispatcher, setGlobalDispatcher } from 'undici'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Answer, Step } from '../setup/model-server.ts'
import { call, PROVIDERS, pause, useModelServer } from '../setup/provider-calls.ts'

const server = useModelServer()
const before = getGlobalDispatcher()
const HURRIED_MS = 400
/** undici looks at its clock once a second. */
const LONG_MS = 2500

/** What undici does by itself after 300 s it does here much sooner. */
beforeAll(() => {
  setGlobalDispatcher(new Agent({ headersTimeout: HURRIED_MS, bodyTimeout: HURRIED_MS }))
})
afterAll(() => {
  setGlobalDispatcher(before)
})

test('a call without an agent of its own is cut', async () => {
  server().answer(() => [{ until: pause(LONG_MS) }, { text: 'Late.' }])
  const response = await fetch(server().url, { method: 'POST', body: '{"messages":[]}' })
  await expect(response.text()).rejects.toMatchObject({ cause: { code: 'UND_ERR_BODY_TIMEOUT' } })
})

const LATE: [string, () => Answer | Promise<Answer>][] = [
  [
    'before it responds',
    async () => {
      await pause(LONG_MS)
      return [{ text: 'Late.' }]
    },
  ],
  ['before its first word', () => [{ until: pause(LONG_MS) }, { text: 'Late.' }]],
  ['between two words', () => [{ text: 'La' }, { until: pause(LONG_MS) }, { text: 'te.' }]],
]

test.each(LATE)('a service may be silent for longer than undici allows, %s', async (_, answer) => {
  server().answer(answer)
  await expectAll('Late.')
})

test('a service may stream for longer than undici allows it to be silent', async () => {
  const word: Step[] = [{ text: '.' }, { until: pause(LONG_MS / 10) }]
  server().answer(() => Array.from({ length: 10 }, () => word).flat())
  await expectAll('.'.repeat(10))
})

/** Calls every provider at once. */
async function expectAll(text: string) {
  const came = await Promise.all(PROVIDERS.map(([, modelAt]) => call(modelAt(server().url))))
  const expected = { error: undefined, text }
  expect(came.map(({ error, text }) => ({ error, text }))).toEqual(came.map(() => expected))
}
