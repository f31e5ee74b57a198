import { beforeAll, expect, test } from 'vitest'
import { retryAfterMs } from '../workers-node/retry-after.ts'

// One of the dates does not say that it is in GMT: elsewhere that makes a difference.
beforeAll(() => {
  process.env.TZ = 'Asia/Tokyo'
})

const DATE = 'Sun, 06 Nov 1994 08:49:30 GMT'

test.each<[string, Record<string, string>, number | null]>([
  ['seconds', { 'retry-after': '1' }, 1000],
  ['seconds with a fraction', { 'retry-after': '0.25' }, 250],
  ['no time at all', { 'retry-after': '0' }, 0],
  ['spaces around', { 'retry-after': ' 2 ' }, 2000],
  ['half an hour', { 'retry-after': '1800' }, 1_800_000],
  ['more than the bound', { 'retry-after': '86400' }, 3_600_000],
  ['more than a number holds', { 'retry-after': '9'.repeat(400) }, 3_600_000],
  ['a negative number', { 'retry-after': '-1' }, null],
  ['a number of another kind', { 'retry-after': '1e3' }, null],
  ['a word', { 'retry-after': 'soon' }, null],
  ['words that V8 reads as a date', { 'retry-after': 'in May 2099' }, null],
  ['nothing', { 'retry-after': '' }, null],
  ['no header', {}, null],
  ['ms', { 'retry-after-ms': '1500' }, 1500],
  ['ms beside seconds', { 'retry-after-ms': '1500', 'retry-after': '9' }, 1500],
  ['bad ms beside seconds', { 'retry-after-ms': 'x', 'retry-after': '9' }, 9000],
  ['a date', { 'retry-after': 'Sun, 06 Nov 1994 08:49:37 GMT', date: DATE }, 7000],
  ['a date of RFC 850', { 'retry-after': 'Sunday, 06-Nov-94 08:49:37 GMT', date: DATE }, 7000],
  ['a date of asctime', { 'retry-after': 'Sun Nov  6 08:49:37 1994', date: DATE }, 7000],
  ['a date far off', { 'retry-after': 'Sun, 06 Nov 2094 08:49:37 GMT', date: DATE }, 3_600_000],
  ['a date that is past', { 'retry-after': 'Sun, 06 Nov 1994 08:49:29 GMT', date: DATE }, null],
  ['no such date', { 'retry-after': 'Sun, 99 Nov 1994 08:49:37 GMT', date: DATE }, null],
])('Retry-After: %s', (_, headers, ms) => {
  expect(retryAfterMs(headers)).toBe(ms)
})

test('where the service does not say what time it has, a date counts from our clock', () => {
  const inAMinute = new Date(Date.now() + 60_000).toUTCString()
  for (const date of ['', 'yesterday']) {
    const ms = retryAfterMs({ 'retry-after': inAMinute, date })
    expect(ms).toBeGreaterThan(0)
    expect(ms).toBeLessThanOrEqual(60_000)
  }
})

const retryInfo = (retryDelay: unknown) => ({
  error: {
    code: 429,
    details: [
      { '@type': 'type.googleapis.com/google.rpc.QuotaFailure', violations: [] },
      { '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay },
    ],
  },
})

test.each<[string, unknown, number | null]>([
  ['whole seconds', retryInfo('30s'), 30_000],
  ['a fraction', retryInfo('1.5s'), 1500],
  ['more than the bound', retryInfo('3601s'), 3_600_000],
  ['negative', retryInfo('-5s'), null],
  ['not a duration', retryInfo(30), null],
  ['the error alone', retryInfo('30s').error, 30_000],
  ['details that are none', { error: { details: [null, 'x'] } }, null],
  ['another body', 'Too many requests', null],
  ['no body', null, null],
])("Google's RetryInfo: %s", (_, body, ms) => {
  expect(retryAfterMs({}, body)).toBe(ms)
})

test('a header goes before the body', () => {
  expect(retryAfterMs({ 'retry-after': '2' }, retryInfo('30s'))).toBe(2000)
})
