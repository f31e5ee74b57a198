import { setTimeout as pause } from 'node:timers/promises'
import { familyOfModel } from '../../drizzle/contract/models.ts'
import type { FaultStack } from '../faults/scenario.ts'
import type { Answer, Step } from '../setup/model-server.ts'

/** A way in which models answer. */
type Manner = {
  name: string
  /** How many of a hundred batches meet it. */
  share: number
  answer(): Answer
}

const WORD_MS = 40
const REST_S = '1'

const MANNERS: Manner[] = [
  { name: 'answers', share: 66, answer: () => words(10) },
  { name: 'reasons', share: 8, answer: () => [{ reasoning: 'Let me see. ' }, ...words(20)] },
  { name: 'rambles', share: 3, answer: () => words(20, 2_000) },
  { name: 'dawdles', share: 3, answer: () => words(200) },
  // Those that fail half of their calls mostly come through by trying again.
  { name: 'stumbles', share: 4, answer: () => halfTheTime(fault(500)) },
  { name: 'rests', share: 2, answer: () => halfTheTime(fault(429, { 'retry-after': REST_S })) },
  { name: 'resets', share: 4, answer: () => halfTheTime([...words(5), { reset: 'tcp' }]) },
  { name: 'breaks off', share: 2, answer: () => halfTheTime([...words(5), { cut: true }]) },
  // These end as dead letters.
  { name: 'fails', share: 2, answer: () => fault(500) },
  { name: 'says nothing', share: 2, answer: () => [{ finish: 'stop' }] },
  { name: 'refuses', share: 2, answer: () => fault(400) },
  { name: 'babbles', share: 1, answer: () => [...words(3), { raw: 'data: {"choices": [{\n\n' }] },
  { name: 'hangs', share: 1, answer: () => 'silence' },
]

/** A prompt of some length that says how the models of one family are to answer it. */
export function promptFor(number: number, family: string): string {
  return [number, anyManner().name, family, FILLER].join('; ')
}

/** Has the models answer as the prompt says, and those of other families plainly. */
export function answerByManner({ models }: FaultStack): void {
  models.answer(({ model, messages }) => {
    const [, name, family] = messages.at(-1)!.text.split('; ')
    const manner = MANNERS.find((manner) => manner.name === name)
    if (!manner || familyOfModel(model)?.family !== family) return words(10)
    return manner.answer()
  })
}

function anyManner(): Manner {
  let left = Math.random() * MANNERS.reduce((sum, { share }) => sum + share, 0)
  return (
    MANNERS.find(({ share }) => {
      left -= share
      return left < 0
    }) ?? MANNERS[0]!
  )
}

/** So many words, one after another. */
function words(count: number, characters = 8): Step[] {
  const word = `${'w'.repeat(characters - 1)} `
  return Array.from({ length: count }, (_, i): Step[] => [
    { until: pause(i * WORD_MS, undefined, { ref: false }) },
    { text: word },
  ]).flat()
}

function halfTheTime(answer: Answer): Answer {
  return Math.random() < 0.5 ? answer : words(10)
}

function fault(status: number, headers?: Record<string, string>): Answer {
  return { status, body: { error: { message: 'A fault of the soak.' } }, headers }
}

const FILLER = 'Please answer at length, and mind all that was said before. '.repeat(8)
