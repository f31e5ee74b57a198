import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { NewBatch } from '../../drizzle/statements/submit-batch.ts'
import { answered, claimed, next, submitted } from '../setup/task-states.ts'
import { useDatabase } from '../setup/use-database.ts'

const QWEN = 'qwen3:1.7b'
const database = useDatabase()

type Turn = { prompt: string; answer: string | null }

/** Turns of random lengths, of which some have failed; each is told apart by its beginning. */
const conversation = fc
  .array(
    fc.record({
      prompt: fc.nat(40),
      answer: fc.option(fc.integer({ min: 1, max: 40 }), { freq: 6 }),
    }),
    { minLength: 1, maxLength: 20, size: 'max' },
  )
  .map((lengths) =>
    lengths.map(
      ({ prompt, answer }, i): Turn => ({
        prompt: `p${i}`.padEnd(prompt, '.'),
        answer: answer === null ? null : 'a'.repeat(answer),
      }),
    ),
  )
const bounds = fc.record({
  turns: fc.integer({ min: 1, max: 12 }),
  characters: fc.integer({ min: 1, max: 800 }),
})

const charactersOf = (turns: Turn[]) =>
  turns.reduce((sum, { prompt, answer }) => sum + prompt.length + answer!.length, 0)

test('the history is the newest turns, within its bounds, and at least half of what fits', async () => {
  const property = fc.asyncProperty(
    conversation,
    fc.array(bounds, { minLength: 8, maxLength: 8 }),
    check,
  )
  // To shrink a failure would take longer than a test may.
  await fc.assert(property, { numRuns: 15, endOnFailure: true })
})

/** Looks at one conversation through bounds of all kinds, those that just let all of it in too. */
async function check(turns: Turn[], all: { turns: number; characters: number }[]): Promise<void> {
  const said = turns.filter(({ answer }) => answer !== null)
  const last = await hold(turns)
  const whole = { turns: Math.max(said.length, 1), characters: Math.max(charactersOf(said), 1) }
  for (const bound of [...all, whole]) {
    const fits = said.filter((_, i) => {
      const newest = said.slice(i)
      return newest.length <= bound.turns && charactersOf(newest) <= bound.characters
    })
    const asking = await submitted(database, [QWEN], next(last))
    const [task] = await claimed(database, asking, bound)
    const seen = task!.history.map(({ prompt, answer }) => ({ prompt, answer }))

    expect(seen).toEqual(said.slice(said.length - seen.length))
    expect(seen.length).toBeLessThanOrEqual(fits.length)
    expect(seen.length).toBeGreaterThanOrEqual(fits.length / 2)
    if (fits.length === said.length) expect(seen).toEqual(said)
  }
}

/** The turns, one after the other; the last batch. */
async function hold(turns: Turn[]): Promise<NewBatch> {
  let last: NewBatch | undefined
  for (const { prompt, answer } of turns) {
    last = await answered(database, [QWEN], [answer], { ...(last && next(last)), prompt })
  }
  return last!
}
