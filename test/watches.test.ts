import { expect, test } from 'vitest'
import type { Tags } from '../edge/waiter.ts'
import { Watches } from '../edge/watches.ts'

/** No test lasts for so long. */
const LONG = { waitMs: 600_000, signal: new AbortController().signal }

const A = { owner: 'me', name: 'a' }
const B = { owner: 'me', name: 'b' }

/** Something that is looked at: each look takes what is there when it begins, and ends when let. */
function thing() {
  const now = { tag: '1', ended: false }
  const looks: Tags[] = []
  let gate = Promise.resolve()
  const look = async (known: Tags) => {
    looks.push(known)
    const seen = { ...now }
    await gate
    return { ...seen, body: known === '*' || known.includes(seen.tag) ? null : `body ${seen.tag}` }
  }
  return {
    now,
    looks,
    look,
    /** Keeps looks from ending until what it returns is called. */
    hold() {
      const { promise, resolve } = Promise.withResolvers<void>()
      gate = promise
      return resolve
    },
  }
}

async function looked(looks: Tags[], times: number): Promise<void> {
  await expect.poll(() => looks.length, { interval: 5 }).toBeGreaterThanOrEqual(times)
}

test('all that wait for one thing share its looks; other things have their own', async () => {
  const watches = new Watches()
  const [one, other] = [thing(), thing()]
  const wait = (thing: typeof A, { look }: typeof one) =>
    watches.wait(thing, look, { named: ['1'], ...LONG })
  const waits = [wait(A, one), wait(A, one), wait(A, one), wait(B, other)]
  await looked(one.looks, 3)
  one.now.tag = '2'
  other.now.tag = '3'
  expect((await Promise.all(waits)).map((seen) => seen?.body)).toEqual([
    'body 2',
    'body 2',
    'body 2',
    'body 3',
  ])
  // The first of them, one for those that came meanwhile, and then one a pause.
  expect(one.looks.length).toBeLessThan(6)
})

test('who comes while a look is under way gets one of its own, which has seen what it has', async () => {
  const watches = new Watches()
  const { now, looks, look, hold } = thing()
  const letGo = hold()
  const first = watches.wait(A, look, { named: ['1'], ...LONG })
  await looked(looks, 1)
  now.tag = '2'
  // It has seen the change already, and must not be told of the state before it.
  const second = watches.wait(A, look, { named: ['2'], ...LONG, waitMs: 1 })
  letGo()
  expect(await second).toEqual({ tag: '2', ended: false, body: null })
  expect(await first).toEqual({ tag: '2', ended: false, body: 'body 2' })
})

test('each is told what it does not know itself, and nothing else is made', async () => {
  const watches = new Watches()
  const { now, looks, look } = thing()
  const wait = (named: Tags | null) => watches.wait(A, look, { named, ...LONG, waitMs: 700 })
  const [any, known, unnamed, old] = await Promise.all([
    wait('*'),
    wait(['0', '1']),
    wait(null),
    wait(['0']),
  ])
  expect([any?.body, known?.body]).toEqual([null, null])
  expect([unnamed?.body, old?.body]).toEqual(['body 1', 'body 1'])
  expect(looks.at(-1)).toEqual(['1'])
  now.tag = '2'
  expect(await wait('*')).toMatchObject({ tag: '2', body: null })
  expect(looks.at(-1)).toEqual(['2'])
})

test('what has ended is waited for by nobody', async () => {
  const { now, look } = thing()
  now.ended = true
  const watches = new Watches()
  expect(await watches.wait(A, look, { named: null, ...LONG })).toMatchObject({ body: 'body 1' })
  expect(await watches.wait(A, look, { named: ['1'], ...LONG })).toMatchObject({ body: null })
  expect(await watches.wait(B, async () => undefined, { named: null, ...LONG })).toBeUndefined()
})

test('the looks end with the last one who waits, and begin again with the next', async () => {
  const { looks, look, hold } = thing()
  const watches = new Watches()
  const hangUp = new AbortController()
  const waits = watches.wait(A, look, { named: null, ...LONG, signal: hangUp.signal })
  await looked(looks, 2)
  hangUp.abort()
  expect(await waits).toMatchObject({ body: 'body 1' })
  const before = looks.length
  await new Promise((resolve) => setTimeout(resolve, 1200))
  expect(looks.length).toBe(before)
  // One that hangs up before anything was seen for it takes that one look.
  const letGo = hold()
  const gone = watches.wait(A, look, { named: null, ...LONG, signal: hangUp.signal })
  await looked(looks, before + 1)
  letGo()
  expect(await gone).toMatchObject({ body: 'body 1' })
  expect(looks.length).toBe(before + 1)
})

test('a look that fails is told to those who waited for it; the next ones look anew', async () => {
  const { look } = thing()
  const watches = new Watches()
  const failing = () => Promise.reject(new Error('no database'))
  const waits = [1, 2].map(() => watches.wait(A, failing, { named: null, ...LONG }))
  for (const wait of waits) await expect(wait).rejects.toThrow('no database')
  expect(await watches.wait(A, look, { named: ['0'], ...LONG })).toMatchObject({ tag: '1' })
})

test('once closed, all are answered and nobody waits, but everybody is looked for', async () => {
  const { looks, look } = thing()
  const watches = new Watches()
  const waits = watches.wait(A, look, { named: ['1'], ...LONG })
  await looked(looks, 1)
  watches.close()
  expect(await waits).toMatchObject({ body: null })
  expect(await watches.wait(A, look, { named: null, ...LONG })).toMatchObject({ body: 'body 1' })
})

test('an owner waits for 20 things at once, by any number of requests', async () => {
  const watches = new Watches()
  const { looks, look } = thing()
  const hangUp = new AbortController()
  const caller = { named: ['1'], ...LONG, signal: hangUp.signal }
  const named = (name: number, owner = 'me') => ({ owner, name: `${name}` })
  const waits: Promise<unknown>[] = []
  for (let i = 0; i < 20; i++) {
    expect(watches.hasRoom(named(i))).toBe(true)
    waits.push(watches.wait(named(i), look, caller), watches.wait(named(i), look, caller))
  }
  expect(watches.hasRoom(named(20))).toBe(false)
  expect(watches.hasRoom(named(19))).toBe(true)
  expect(watches.hasRoom(named(20, 'another'))).toBe(true)
  await looked(looks, 20)
  hangUp.abort()
  await Promise.all(waits)
  await expect.poll(() => watches.hasRoom(named(20))).toBe(true)
})
