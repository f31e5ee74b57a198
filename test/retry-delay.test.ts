import { expect, test } from 'vitest'
import { retryDelayMs } from '../workers-node/retry-delay.ts'

const many = (failuresBefore: number, askedMs = 0) =>
  Array.from({ length: 2000 }, () => retryDelayMs(failuresBefore, 1000, askedMs))

test.each([
  [0, 500, 1000],
  [1, 1000, 2000],
  [3, 4000, 8000],
  [10, 30_000, 60_000],
  [99, 30_000, 60_000],
])('after %i earlier failures the wait is from %i to %i ms, and spread over that', (before, least, most) => {
  const waits = many(before)
  expect(Math.min(...waits)).toBeGreaterThanOrEqual(least)
  expect(Math.max(...waits)).toBeLessThanOrEqual(most)
  expect(Math.min(...waits)).toBeLessThan(least + (most - least) / 10)
  expect(Math.max(...waits)).toBeGreaterThan(most - (most - least) / 10)
})

test('a wait that the service asked for is the least, and a tenth is spread behind it', () => {
  const waits = many(0, 20_000)
  expect(Math.min(...waits)).toBeGreaterThanOrEqual(20_000)
  expect(Math.max(...waits)).toBeLessThanOrEqual(22_000)
  expect(Math.max(...waits)).toBeGreaterThan(21_500)
})

test('a task waits for no more than two minutes, however long its node is to rest', () => {
  const waits = many(0, 3_600_000)
  expect(Math.min(...waits)).toBeGreaterThanOrEqual(120_000)
  expect(Math.max(...waits)).toBeLessThanOrEqual(132_000)
})
