import { expect, test } from 'vitest'
import { putInParts } from '../edge/stores/put-in-parts.ts'

const PART = 5 * 1024 * 1024

/** Says what a store was asked to do; fails where told to. */
function noting(failsAt?: string) {
  const asked: string[] = []
  const ask = async (what: string) => {
    asked.push(what)
    if (what === failsAt) throw new Error(what)
    return what
  }
  const store = {
    whole: ({ length }: Uint8Array) => ask(`whole ${length}`),
    async begin() {
      await ask('begin')
      return {
        uploadPart: (number: number, { length }: Uint8Array) => ask(`part ${number}: ${length}`),
        complete: (parts: string[]) => ask(`complete ${parts.length}`),
        abort: () => ask('abort'),
      }
    },
  }
  return { asked, store }
}

async function* bytes(count: number, end?: Error): AsyncGenerator<Uint8Array> {
  yield new Uint8Array(count)
  if (end) throw end
}

test('what fits into one part goes at once, more in parts of one size', async () => {
  const small = noting()
  await putInParts(bytes(9), small.store)
  expect(small.asked).toEqual(['whole 9'])
  const large = noting()
  await putInParts(bytes(2 * PART + 1), large.store)
  expect(large.asked).toEqual([
    'begin',
    `part 1: ${PART}`,
    `part 2: ${PART}`,
    'part 3: 1',
    'complete 3',
  ])
})

test.each([
  `part 2: ${PART}`,
  'complete 2',
])('an upload that fails at %s is given up', async (at) => {
  const { asked, store } = noting(at)
  await expect(putInParts(bytes(2 * PART), store)).rejects.toThrow(at)
  expect(asked.at(-1)).toBe('abort')
})

test('an upload whose bytes break off is given up, and says what they said', async () => {
  const { asked, store } = noting()
  const broken = new Error('broken off')
  await expect(putInParts(bytes(PART + 9, broken), store)).rejects.toBe(broken)
  expect(asked).toEqual(['begin', `part 1: ${PART}`, 'abort'])
})

test('an upload that cannot be given up either still says why it failed', async () => {
  const { store } = noting('abort')
  const broken = new Error('broken off')
  await expect(putInParts(bytes(PART + 9, broken), store)).rejects.toBe(broken)
})
