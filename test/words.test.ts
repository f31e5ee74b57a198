import { expect, test } from 'vitest'
import { ERROR_STATUS } from '../drizzle/contract/http-api.ts'
import { MODEL_FAMILIES } from '../drizzle/contract/models.ts'
import { TASK_ERROR_CODES } from '../drizzle/contract/task-error-code.ts'
import { en } from '../edge/page/words/en.ts'
import { HINTS } from '../edge/page/words/hints.ts'
import { zh } from '../edge/page/words/zh.ts'

const CHINESE_SENTENCE = /^\p{Script=Han}[^a-z]*[。：]$/iu

test.each(
  TASK_ERROR_CODES,
)('a task that fails with %s: a sentence in both languages, and a hint', (code) => {
  expect(en.taskErrors[code]).toMatch(/^[A-Z].+\.$/)
  expect(zh.taskErrors[code]).toMatch(CHINESE_SENTENCE)
  expect(en.hints[HINTS[code]]).toMatch(/^[A-Z].+\.$/)
  expect(zh.hints[HINTS[code]]).toMatch(CHINESE_SENTENCE)
})

test('each failure and each hint has words of its own', () => {
  for (const list of [en.taskErrors, zh.taskErrors, en.hints, zh.hints]) {
    expect(new Set(Object.values(list)).size).toBe(Object.keys(list).length)
  }
  expect(Object.keys(zh.taskErrors).sort()).toEqual([...TASK_ERROR_CODES].sort())
  expect(new Set(Object.values(HINTS))).toEqual(new Set(Object.keys(en.hints)))
})

test.each(
  Object.keys(ERROR_STATUS),
)('a request that is refused with %s: a sentence in Chinese', (code) => {
  expect(zh.problems.ofCode[code]?.replace('API', '')).toMatch(CHINESE_SENTENCE)
})

test('all that a model may take in has a name in both languages', () => {
  const kinds = new Set(MODEL_FAMILIES.flatMap(({ accepts }) => Object.keys(accepts)))
  for (const kind of kinds) {
    expect(en.takes[kind], kind).toBeDefined()
    expect(zh.takes[kind], kind).toBeDefined()
  }
})
