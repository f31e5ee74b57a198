import { expect, test } from 'vitest'
import { knownTags } from '../edge/known-tags.ts'
import { preferredWait } from '../edge/preferred-wait.ts'

test.each([
  ['wait=10', 10],
  ['wait=0', 0],
  ['wait=30', 30],
  ['wait=31', 30],
  ['wait=99999999999999999999', 30],
  ['Wait = 10', 10],
  ['wait="10"', 10],
  ['wait=10; foo="a, wait=2"', 10],
  ['respond-async, wait=100', 30],
  ['handling=lenient , wait=7;x=y, return=minimal', 7],
  ['foo="a \\" , wait=9", wait=4', 4],
  ['wait=3, wait=5', 3],
  ['wait=x, wait=5', 5],
])('the preference %j is to wait for %i s', (header, seconds) => {
  expect(preferredWait(header)).toBe(seconds)
})

test.each([
  undefined,
  '',
  'wait',
  'wait=',
  'wait=-1',
  'wait=1.5',
  'wait=1e3',
  'wait=ten',
  'wait=0x10',
  'wait=5 s',
  'awaits=5',
  'x-wait=5',
  'foo="wait=5"',
  'foo="a, wait=5',
  'foo;wait=5',
  ',,,',
])('the preferences %j name no wait', (header) => {
  expect(preferredWait(header)).toBeUndefined()
})

test.each([
  [undefined, null],
  ['*', '*'],
  [' * ', '*'],
  ['W/"1.2.3"', ['1.2.3']],
  ['"1.2.3"', ['1.2.3']],
  ['W/"1.2", "3.4" ,W/"5.6"', ['1.2', '3.4', '5.6']],
  ['"*"', []],
  ['1.2.3', []],
  ['"another server\'s", W/"1.2"', ['1.2']],
  ['"\u00ff"', []],
  ['', []],
])('of the If-None-Match %j these tags are known: %j', (header, tags) => {
  expect(knownTags(header)).toEqual(tags)
})

test('of a very long If-None-Match some tags are known', () => {
  expect(knownTags('W/"1.2.3", '.repeat(1000))).toHaveLength(50)
})

test('long headers are read in no time, whatever their quotes', () => {
  for (const part of ['"', '\\"', '"\\', ',', '="']) {
    expect(preferredWait(part.repeat(100_000))).toBeUndefined()
    expect(knownTags(part.repeat(100_000))).toEqual([])
  }
})
