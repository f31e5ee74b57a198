import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ByteBudget } from '../workers-node/byte-budget.ts'

const patient = new AbortController().signal

/** Takes bytes and notes when it has them. */
function taking(budget: ByteBudget, had: string[], name: string, bytes: number, signal = patient) {
  const taken = budget.take(bytes, signal)
  void taken.then(
    () => had.push(name),
    () => {},
  )
  return taken
}

/** All that can be done without another event is done. */
const settled = () => new Promise((resolve) => setImmediate(resolve))

test('who comes first is served first, also before one that wants less', async () => {
  const budget = new ByteBudget(10)
  const had: string[] = []
  const first = await taking(budget, had, 'first', 6)
  const large = taking(budget, had, 'large', 8)
  const small = taking(budget, had, 'small', 1)
  const none = taking(budget, had, 'none', 0)
  await settled()
  expect(had).toEqual(['first', 'none'])
  ;(await none)()
  first()
  ;(await large)()
  ;(await small)()
  expect(had).toEqual(['first', 'none', 'large', 'small'])
})

test('more than there is waits until all is free, and then has all of it', async () => {
  const budget = new ByteBudget(10)
  const had: string[] = []
  const first = await budget.take(1, patient)
  const huge = taking(budget, had, 'huge', 1000)
  await settled()
  expect(had).toEqual([])
  first()
  const giveBack = await huge
  const next = taking(budget, had, 'next', 10)
  await settled()
  expect(had).toEqual(['huge'])
  giveBack()
  await next
})

test('who no longer waits is told its own reason, and holds up nobody', async () => {
  const budget = new ByteBudget(10)
  const had: string[] = []
  await budget.take(5, patient)
  const abort = new AbortController()
  const large = taking(budget, had, 'large', 8, abort.signal)
  const small = taking(budget, had, 'small', 5)
  await settled()
  expect(had).toEqual([])
  const reason = new Error('not ours any more')
  abort.abort(reason)
  await expect(large).rejects.toBe(reason)
  await small
  await expect(budget.take(0, abort.signal)).rejects.toBe(reason)
})

test('never is more held than there is, and all are served in the end', async () => {
  const wishes = fc.array(fc.record({ bytes: fc.nat(15), leaves: fc.boolean() }), { maxLength: 30 })
  const property = fc.asyncProperty(wishes, async (all) => {
    const budget = new ByteBudget(10)
    let held = 0
    const ends = all.map(async ({ bytes, leaves }) => {
      const signal = leaves ? AbortSignal.timeout(1) : patient
      const giveBack = await budget.take(bytes, signal)
      held += Math.min(bytes, 10)
      expect(held).toBeLessThanOrEqual(10)
      await settled()
      held -= Math.min(bytes, 10)
      giveBack()
    })
    const ended = await Promise.allSettled(ends)
    for (const [i, end] of ended.entries()) {
      if (!all[i]!.leaves) expect(end.status).toBe('fulfilled')
    }
    ;(await budget.take(10, patient))()
  })
  await fc.assert(property, { numRuns: 30 })
})
