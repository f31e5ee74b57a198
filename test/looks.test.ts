import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { Looks } from '../workers-node/looks.ts'

test('the latest look counts of those that were answered so long ago, and none before that', async () => {
  const looks = new Looks()
  expect(looks.before(0)).toBeUndefined()
  looks.add('first')
  expect(looks.before(150)).toBeUndefined()
  await pause(100)
  looks.add('second')
  await pause(100)
  expect(looks.before(150)).toBe('first')
  await pause(100)
  looks.add('third')
  expect(looks.before(150)).toBe('second')
  expect(looks.before(150)).toBe('second')
})
