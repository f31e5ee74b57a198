import { expect, test } from 'vitest'
import type { PostgresDoor } from '../drizzle/statements/statement.ts'
import { DatabaseError } from '../edge/neon.ts'
import { runKnowingly } from '../edge/run-knowingly.ts'

const STATEMENT = { name: 'statement', text: 'SELECT 1', params: [] }
const UNKNOWN = new DatabaseError('unreachable', true)
const TOO_MANY = new DatabaseError('53300', false)
const CROSSED = new DatabaseError('40P01', false)
const STARTING = new DatabaseError('57P03', false)
const ROWS = [{ id: 1 }]

/** A door whose tries end as they are told. */
function doorWith(...outcomes: (Error | unknown[])[]) {
  const left = [...outcomes]
  const door: PostgresDoor = {
    async run<Row>() {
      const outcome = left.shift()
      if (outcome instanceof Error) throw outcome
      return outcome as Row[]
    },
  }
  return { door, left }
}

test.each([
  ['an answer', [ROWS]],
  ['an answer to a repeat', [UNKNOWN, ROWS]],
  ['an answer to the last repeat', [UNKNOWN, UNKNOWN, ROWS]],
  ['an answer after deadlocks', [CROSSED, new DatabaseError('40001', false), CROSSED, ROWS]],
  ['an answer after no answer and a deadlock', [UNKNOWN, CROSSED, ROWS]],
])('%s is one', async (_, outcomes) => {
  const { door, left } = doorWith(...outcomes)
  expect(await runKnowingly(door, STATEMENT)).toBe(ROWS)
  expect(left).toEqual([])
})

test.each([TOO_MANY, new TypeError('a bug')])('%s is known at once', async (error) => {
  const { door, left } = doorWith(error, ROWS)
  await expect(runKnowingly(door, STATEMENT)).rejects.toBe(error)
  expect(left).toEqual([ROWS])
})

test('a statement that is in the way of others again and again was not carried out', async () => {
  const { door, left } = doorWith(CROSSED, CROSSED, CROSSED, CROSSED, ROWS)
  await expect(runKnowingly(door, STATEMENT)).rejects.toBe(CROSSED)
  expect(left).toEqual([ROWS])
})

test.each([
  ['three tries without an answer', [UNKNOWN, UNKNOWN, UNKNOWN], 'unreachable'],
  ['a repeat that finds no room', [UNKNOWN, TOO_MANY], '53300'],
  ['a last repeat that finds the database starting', [UNKNOWN, UNKNOWN, STARTING], '57P03'],
])('%s: the outcome stays unknown', async (_, outcomes, code) => {
  const { door, left } = doorWith(...outcomes)
  await expect(runKnowingly(door, STATEMENT)).rejects.toMatchObject({ code, outcomeUnknown: true })
  expect(left).toEqual([])
})
