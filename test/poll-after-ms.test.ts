import { expect, test } from 'vitest'
import { TaskStatus } from '../drizzle/contract/task-status.ts'
import { pollAfterMs } from '../edge/poll-after-ms.ts'

const { PENDING, SUCCESS, FAILED, PROCESSING, CANCELLED } = TaskStatus
const NOW = Date.parse('2026-01-31T12:00:00.000Z')
const GEMINI = 'gemini-2.5-flash'
const DEEPSEEK = 'deepseek-r1:1.5b'

const ago = (seconds: number) => new Date(NOW - seconds * 1000).toISOString()

function task(model: string, status: number, seconds = 0, texts: { response?: string } = {}) {
  return {
    model,
    status,
    response_text: texts.response ?? null,
    reasoning_text: null,
    created_at: ago(status === PENDING ? seconds : seconds + 60),
    started_at: status === PENDING ? null : ago(seconds),
  }
}

test('a batch that has ended need not be polled', () => {
  const ended = [SUCCESS, FAILED, CANCELLED].map((status) => task(GEMINI, status))
  expect(pollAfterMs(ended, NOW)).toBeNull()
})

test('a batch of slow models is polled more slowly at first, and by the quickest that is open', () => {
  expect(pollAfterMs([task(GEMINI, PROCESSING)], NOW)).toBe(750)
  expect(pollAfterMs([task(DEEPSEEK, PROCESSING)], NOW)).toBe(2000)
  expect(pollAfterMs([task(DEEPSEEK, PENDING), task(GEMINI, PENDING)], NOW)).toBe(750)
  expect(pollAfterMs([task(DEEPSEEK, PROCESSING), task(GEMINI, SUCCESS)], NOW)).toBe(2000)
})

test('a text that grows is polled as often as it is saved, answer or reasoning, however slow the model', () => {
  const writes = task(DEEPSEEK, PROCESSING, 100, { response: 'So f' })
  expect(pollAfterMs([writes], NOW)).toBe(1000)
  const thinks = { ...task(DEEPSEEK, PROCESSING, 100), reasoning_text: 'Hm' }
  expect(pollAfterMs([thinks], NOW)).toBe(1000)
})

test('what waits for long is polled ever more slowly, in the queue and in silence, within bounds', () => {
  for (const status of [PENDING, PROCESSING]) {
    const waits = [0, 6, 16, 32, 3600].map((s) => pollAfterMs([task(GEMINI, status, s)], NOW))
    expect(waits).toEqual([750, 750, 2000, 4000, 5000])
  }
})

test('a clock that is off, and a model of no family, change little', () => {
  expect(pollAfterMs([task(GEMINI, PENDING, -3600)], NOW)).toBe(750)
  expect(pollAfterMs([task('gone', PENDING)], NOW)).toBe(1000)
})
