import { expect, test } from 'vitest'
import { Slots } from '../workers-node/slots.ts'

test('all are free only when what was read last has ended too', () => {
  let allFree = 0
  const slots = new Slots(3, () => allFree++)
  slots.take(1)
  slots.take(1)
  slots.release()
  // One has ended while the claim of another is on its way.
  expect(allFree).toBe(0)
  expect(slots.allFree).toBe(false)
  slots.release()
  expect(allFree).toBe(1)
  expect(slots.allFree).toBe(true)
})
