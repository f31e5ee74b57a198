import fc from 'fast-check'
import { type OpenApi, operationsOf } from '../openapi/document.ts'
import { LOCAL_KEY, OPERATOR_KEY } from '../setup/send-key.ts'
import { type OddBody, oddBody } from './bodies.ts'

/** One request, as bytes. `method`: what the answer may depend on beside them. */
export type OddRequest = { method: string; bytes: Buffer }

type Header = readonly [name: string, value: string]

const segment = fc.oneof(
  fc.constantFrom(
    '%00',
    '%2f',
    '%2F..%2f',
    '..',
    '%2e%2e',
    '%',
    '%zz',
    '%c0%af',
    '%ff',
    '\xff\xfe',
    'é',
    '',
    'null',
    '-1',
    'x;y=z',
    '\\',
    '01990B6E-7A4C-7000-8A5E-3F1C2B4D5E6F',
    '00000000-0000-0000-0000-000000000000',
    'a'.repeat(8000),
  ),
  fc.uuid(),
)

const pair = fc.oneof(
  fc.constantFrom(
    'limit=1',
    'limit=0',
    'limit=1e400',
    'limit=%31',
    'limit=1&limit=2',
    'cursor=e30',
    'cursor=%ff',
    'cursor=eyJ0dXJuIjoxZTQwMH0',
    'search=%00',
    'search=%',
    'search=%ed%a0%80',
    'search=%25_%5c',
    'kind=task',
    'kind=%F0%9F%92%A9',
    'older_than_days=99999',
    'older_than_days=1e-400',
    'replayed=true',
    'format=markdown',
    'format[]=json',
    'expires=999999999999',
    'owner=local',
    '__proto__=x',
    '=',
    '',
  ),
  fc.string({ maxLength: 20 }).map((one) => one.replace(/[^!-~]|#/g, '+')),
)
const query = fc.oneof(
  { weight: 8, arbitrary: fc.array(pair, { maxLength: 4 }).map((pairs) => pairs.join('&')) },
  { weight: 1, arbitrary: pair.map((one) => Array(300).fill(one.slice(0, 20)).join('&')) },
)

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']
/** Known to few, or to nobody. */
const ODD_METHODS = ['TRACE', 'CONNECT', 'PROPFIND', 'PURGE', 'BREW', 'get', 'G\0T', '']

const authorization = fc.constantFrom(
  ...Array(16).fill(`Bearer ${LOCAL_KEY}`),
  ...Array(5).fill(`Bearer ${OPERATOR_KEY}`),
  'Bearer',
  'Basic eDp5',
  `Bearer ${'x'.repeat(5000)}`,
  'Bearer \xff',
)

const oddHeader: fc.Arbitrary<Header> = fc.oneof(
  {
    weight: 9,
    arbitrary: fc.tuple(
      fc.constantFrom(
        'Accept',
        'Content-Encoding',
        'Cookie',
        'Idempotency-Key',
        'If-None-Match',
        'Origin',
        'Range',
        'Traceparent',
        'Upgrade',
        'X-Forwarded-For',
        'X-Forwarded-Proto',
        'X-Request-Id',
      ),
      fc.oneof(
        fc.string({ maxLength: 30 }).map((one) => one.replace(/[^ -~]/g, '?')),
        fc.constantFrom(
          '*',
          'gzip',
          '"',
          'visitor=x.y',
          'visitor=%ff; visitor=1; =;',
          '100-continue',
          'bytes=0-0',
          'websocket',
          'null',
          'W/"1", '.repeat(100),
          '\xff\xfe',
          'x'.repeat(300),
        ),
      ),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom<Header[]>(
      ['Expect', '100-continue'],
      ['Expect', 'x'],
      ['Prefer', 'wait=0'],
      ['Prefer', 'wait="'],
      ['Prefer', 'wait=-1, x'.repeat(50)],
    ),
  },
)
const headers = fc.oneof(
  { weight: 12, arbitrary: fc.array(oddHeader, { maxLength: 3 }) },
  {
    weight: 1,
    arbitrary: fc.constant(Array.from({ length: 100 }, (_, i): Header => [`X-${i}`, 'v'])),
  },
  { weight: 1, arbitrary: oddHeader.map(([name]): Header[] => [[name, 'x'.repeat(16_384)]]) },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom<Header[]>(['No colon', ''], [' ', 'x'], ['X\0', 'x'])
      .map((one) => [one]),
  },
)

/** None that is no part of an address: Miniflare itself, before the gateway, answers those with 500. */
const host = fc.constantFrom<Header[][]>(
  ...Array(20).fill([['Host', 'gateway.test']]),
  [],
  [['Host', '']],
  [['Host', 'x'.repeat(300)]],
)

/** How the body is framed: as it should be, and in other ways. */
const framing = fc.constantFrom(
  ...Array(24).fill('length'),
  ...Array(8).fill('chunked'),
  'none',
  'too short',
  'negative',
  'two lengths',
  'no number',
  'both',
  'bad chunks',
  'cut chunks',
  'unknown coding',
) as fc.Arbitrary<keyof typeof FRAMES>
/** Who waits for what does not come, waits for as long as a body may pause. */
const slow = fc.constant('too long' as const)

const FRAMES = {
  length: (body: Buffer) => [`Content-Length: ${body.length}`, body],
  chunked: (body: Buffer) => ['Transfer-Encoding: chunked', chunked(body)],
  none: (body: Buffer) => ['X: x', body],
  'too short': (body: Buffer) => [`Content-Length: ${body.length >> 1}`, body],
  'too long': (body: Buffer) => [`Content-Length: ${body.length + 1}`, body],
  negative: (body: Buffer) => ['Content-Length: -1', body],
  'two lengths': (body: Buffer) => [`Content-Length: 0\r\nContent-Length: ${body.length}`, body],
  'no number': (body: Buffer) => ['Content-Length: 0x10', body],
  both: (body: Buffer) => ['Content-Length: 3\r\nTransfer-Encoding: chunked', chunked(body)],
  'bad chunks': (body: Buffer) => [
    'Transfer-Encoding: chunked',
    Buffer.concat([Buffer.from('zz\r\n'), body]),
  ],
  'cut chunks': (body: Buffer) => ['Transfer-Encoding: chunked', chunked(body).subarray(0, -7)],
  'unknown coding': (body: Buffer) => ['Transfer-Encoding: gzip', body],
} satisfies Record<string, (body: Buffer) => [string, Buffer] | (string | Buffer)[]>

function chunked(body: Buffer): Buffer {
  const half = body.length >> 1
  const chunks = [body.subarray(0, half), body.subarray(half)].filter(({ length }) => length > 0)
  const framed = chunks.flatMap((chunk) => [
    Buffer.from(`${chunk.length.toString(16)}\r\n`),
    chunk,
    Buffer.from('\r\n'),
  ])
  return Buffer.concat([...framed, Buffer.from('0\r\n\r\n')])
}

/** Requests of all kinds for all operations of a document; `ids`: some that there are. */
export function oddRequests(document: OpenApi, ids: string[]): fc.Arbitrary<OddRequest> {
  const operation = fc.constantFrom(
    ...operationsOf(document).map(({ method, path }) => ({ method: method.toUpperCase(), path })),
    { method: 'GET', path: '/' },
    { method: 'GET', path: '/docs/{x}' },
    { method: 'GET', path: '/openapi.json' },
    { method: 'POST', path: '/v1/{x}/{y}' },
    { method: 'GET', path: '//{x}' },
  )
  return fc
    .record({
      operation,
      method: fc.oneof(
        { weight: 16, arbitrary: fc.constant(undefined) },
        { weight: 2, arbitrary: fc.constantFrom(...METHODS) },
        { weight: 1, arbitrary: fc.constantFrom(...ODD_METHODS) },
      ),
      segments: fc.array(fc.oneof(fc.constantFrom(...ids), segment), {
        minLength: 2,
        maxLength: 2,
      }),
      query,
      host,
      authorization,
      headers,
      body: fc.oneof(
        { weight: 4, arbitrary: oddBody },
        { weight: 1, arbitrary: fc.constant(NO_BODY) },
      ),
      framing: fc.oneof({ weight: 150, arbitrary: framing }, { weight: 1, arbitrary: slow }),
    })
    .map(({ operation, method = operation.method, segments, query, body, framing, ...given }) => {
      const [first, second] = segments as [string, string]
      const path = operation.path.replace(/\{\w+\}/, first).replace(/\{\w+\}/, second)
      const bare = body.bytes.length === 0 || method === 'GET' || method === 'HEAD'
      const [frame, bytes] = bare ? ['X: x', Buffer.alloc(0)] : FRAMES[framing](body.bytes)
      const lines = [
        `${method} ${path}${query && '?'}${query} HTTP/1.1`,
        ...[
          ...given.host,
          ['Authorization', given.authorization],
          ['Content-Type', body.type],
          ...given.headers,
        ].map(([name, value]) => `${name}: ${value}`),
        'Connection: close',
        `${frame}\r\n\r\n`,
      ]
      return {
        method,
        bytes: Buffer.concat([Buffer.from(lines.join('\r\n'), 'latin1'), bytes as Buffer]),
      }
    })
}

const NO_BODY: OddBody = { type: 'application/json', bytes: Buffer.alloc(0) }
