import { setTimeout as pause } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { every } from '../workers-node/every.ts'

/** Does something that takes so many ms; gives the times between its beginnings, in ms. */
async function beginnings(ms: number, tookMs: number, count: number): Promise<number[]> {
  const times: number[] = []
  const enough = Promise.withResolvers<void>()
  const running = every(ms, 'it', async () => {
    times.push(performance.now())
    if (times.length > count) enough.resolve()
    await pause(tookMs)
  })
  onTestFinished(() => running.stop())
  await enough.promise
  return times.slice(1).map((time, i) => time - times[i]!)
}

const shortest = (times: number[]) => Math.min(...times)

test('the time from one beginning to the next is the same, however long each takes', async () => {
  const times = await beginnings(400, 300, 4)
  expect(shortest(times)).toBeGreaterThan(390)
  expect(shortest(times)).toBeLessThan(650)
})

test('one that takes longer is followed at once, and never by two at once', async () => {
  const times = await beginnings(100, 300, 4)
  expect(shortest(times)).toBeGreaterThan(290)
  expect(shortest(times)).toBeLessThan(390)
})
