import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Step } from '../setup/model-server.ts'
import { call, compatible, useModelServer } from '../setup/provider-calls.ts'

const server = useModelServer()

/** Words in which the marks come up whole, in parts, and not at all. */
const words = fc
  .array(fc.constantFrom('a', ' ', '\n', '語', '🎉', '<', '>', '/', '<b>', 'think', '< think>'), {
    minLength: 1,
    maxLength: 8,
  })
  .map((parts) => parts.join(''))
  .filter((text) => !/<\/?think>/.test(text) && text.trim() !== '')

/** The steps in which a text is written when it is cut at these places. */
function cutAt(text: string, places: number[]): Step[] {
  const bounds = [0, ...places, text.length]
  return bounds.slice(1).map((end, i) => ({ text: text.slice(bounds[i], end) }))
}

async function expectSplit(steps: Step[], reasoning: string, text: string) {
  server().answer(() => steps)
  const came = await call(compatible(server().url))
  expect(came.error).toBeUndefined()
  expect({ reasoning: came.reasoning, text: came.text }).toEqual({ reasoning, text })
}

test('thoughts are told from the answer wherever the text is cut', async () => {
  const whole = '<think>Hm, 語 < / > 🎉.</think>Yes <b>it</b> is.'
  for (let place = 0; place <= whole.length; place++) {
    await expectSplit(cutAt(whole, [place]), 'Hm, 語 < / > 🎉.', 'Yes <b>it</b> is.')
  }
  const everywhere = Array.from({ length: whole.length - 1 }, (_, i) => i + 1)
  await expectSplit(cutAt(whole, everywhere), 'Hm, 語 < / > 🎉.', 'Yes <b>it</b> is.')
})

test('any thoughts before any answer, cut anywhere, come out as they were', async () => {
  const property = fc.asyncProperty(words, words, fc.infiniteStream(fc.nat()), async (...given) => {
    const [reasoning, text, random] = given
    const whole = `<think>${reasoning}</think>${text}`
    const places = Array.from(random.take(4), (n) => n % whole.length).sort((a, b) => a - b)
    await expectSplit(cutAt(whole, places), reasoning, text)
  })
  await fc.assert(property, { numRuns: 150 })
})

test('a text without the marks is all answer, cut anywhere', async () => {
  const property = fc.asyncProperty(words, fc.nat(), async (text, n) => {
    await expectSplit(cutAt(text, [n % text.length]), '', text)
  })
  await fc.assert(property, { numRuns: 75 })
})
