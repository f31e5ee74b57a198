import fc from 'fast-check'
import { PNG } from '../setup/pictures.ts'

/** A body and what it is said to be. */
export type OddBody = { type: string; bytes: Buffer }

const BOUNDARY = 'b0undary'
const NAMES = [
  'prompt',
  'model',
  'files',
  'conversation_id',
  'mode',
  'file_ids',
  'title',
  'task_id',
  'url',
]

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.constantFrom(
    'a',
    '',
    '\0',
    '\ud800',
    '\u202e',
    'qwen3',
    '1e400',
    '-0',
    'null',
    '[[',
    'x'.repeat(3000),
  ),
)

/** As text, for much of it cannot be made by `JSON.stringify`. */
const JSON_VALUE = fc.oneof(
  { weight: 6, arbitrary: fc.jsonValue({ maxDepth: 2 }).map((value) => JSON.stringify(value)) },
  { weight: 4, arbitrary: text.map((value) => JSON.stringify(value)) },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      '1e400',
      '-1e400',
      '9'.repeat(400),
      `0.${'0'.repeat(400)}1`,
      '"\\ud800"',
      '"\\u0000"',
      '01',
      'NaN',
      "'x'",
      '{"__proto__":{"a":1}}',
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(nested('[', ']'), nested('{"a":', '}'), '['.repeat(10_000)),
  },
)

function nested(open: string, close: string): string {
  return `${open.repeat(10_000)}1${close.repeat(10_000)}`.replace('[1]', '[]')
}

const jsonBody = fc.oneof(
  {
    weight: 8,
    arbitrary: fc
      .array(fc.tuple(fc.constantFrom(...NAMES, '__proto__', 'constructor', ''), JSON_VALUE), {
        maxLength: 5,
      })
      .map(
        (fields) => `{${fields.map(([name, value]) => `${JSON.stringify(name)}:${value}`).join()}}`,
      ),
  },
  { weight: 2, arbitrary: JSON_VALUE },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      '',
      '\ufeff{"prompt":"a"}',
      '{"prompt":"a"',
      '{"prompt":"a","title":"b","task_id":null}',
    ),
  },
)

const UNREADABLE = Buffer.from([0x22, 0xff, 0xfe, 0xc0, 0x80, 0xed, 0xa0, 0x80, 0x22])

const disposition = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .tuple(fc.constantFrom(...NAMES), fc.option(fc.oneof(text, fc.constant('a.png'))))
      .map(
        ([name, file]) => `form-data; name="${name}"${file === null ? '' : `; filename="${file}"`}`,
      ),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      'form-data',
      'form-data; name=',
      'form-data; name="prompt',
      'attachment; name="prompt"',
      'form-data; name="prompt"; name="model"',
      `form-data; name="${'n'.repeat(9000)}"`,
      'form-data; name="files"; filename="../../etc/passwd"',
      `form-data; name="files"; filename="${'f'.repeat(1024)}"`,
    ),
  },
)
const content = fc.oneof(
  text.map((one) => Buffer.from(one)),
  fc.constantFrom(PNG, UNREADABLE, Buffer.alloc(0), Buffer.from(`--${BOUNDARY}`)),
)
const part = fc
  .tuple(disposition, content)
  .map(([said, bytes]) =>
    Buffer.concat([
      Buffer.from(`--${BOUNDARY}\r\nContent-Disposition: ${said}\r\n\r\n`),
      bytes,
      Buffer.from('\r\n'),
    ]),
  )
const END = Buffer.from(`--${BOUNDARY}--\r\n`)

const GOOD_FORM = Buffer.from(
  [
    `--${BOUNDARY}\r\nContent-Disposition: form-data; name="prompt"\r\n\r\na`,
    `--${BOUNDARY}\r\nContent-Disposition: form-data; name="files"; filename="a.txt"\r\n\r\na`,
    `--${BOUNDARY}--\r\n`,
  ].join('\r\n'),
)

const formBody = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.array(part, { maxLength: 6 }).map((parts) => Buffer.concat([...parts, END])),
  },
  { weight: 2, arbitrary: fc.array(part, { maxLength: 3 }).map((parts) => Buffer.concat(parts)) },
  { weight: 1, arbitrary: part.map((one) => Buffer.concat([...Array(1000).fill(one), END])) },
  { weight: 1, arbitrary: part.map((one) => Buffer.concat([one, one, END, one])) },
)

const FORM = 'multipart/form-data'
const formType = fc.constantFrom(
  ...Array(6).fill(`${FORM}; boundary=${BOUNDARY}`),
  FORM,
  `${FORM}; boundary=`,
  `${FORM}; boundary=other`,
  `${FORM}; boundary="${'b'.repeat(100)}"`,
  `${FORM}; boundary=b; boundary=${BOUNDARY}`,
)
const otherType = fc.constantFrom(
  'application/json',
  'APPLICATION/JSON; charset=utf-16',
  'text/plain',
  'image/png',
  '',
  ';',
  'application/x-www-form-urlencoded',
  '\xff',
)

const GOOD_JSON = Buffer.from(
  '{"prompt":"a","model":"qwen3","title":"b","task_id":null,"url":"http://10.0.0.7/"}',
)

const TOO_LARGE: OddBody[] = [
  { type: 'application/json', bytes: Buffer.from(`{"prompt":"${'x'.repeat(120_000)}"}`) },
  { type: `${FORM}; boundary=${BOUNDARY}`, bytes: Buffer.alloc(210_000, GOOD_FORM) },
]

/** Bodies that some operations take, so that what else is odd about a request meets them. */
const goodBody = fc.constantFrom<OddBody[]>(
  { type: `${FORM}; boundary=${BOUNDARY}`, bytes: GOOD_FORM },
  { type: 'application/json', bytes: GOOD_JSON },
)

export const oddBody: fc.Arbitrary<OddBody> = fc.oneof(
  { weight: 4, arbitrary: goodBody },
  {
    weight: 5,
    arbitrary: fc.record({
      type: fc.constant('application/json'),
      bytes: jsonBody.map((one) => Buffer.from(one)),
    }),
  },
  { weight: 5, arbitrary: fc.record({ type: formType, bytes: formBody }) },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.oneof(otherType, formType),
      bytes: fc.oneof(
        fc.constantFrom(UNREADABLE, PNG, Buffer.from('prompt=a')),
        fc.uint8Array({ maxLength: 200 }).map((one) => Buffer.from(one)),
      ),
    }),
  },
  { weight: 1, arbitrary: fc.constantFrom(...TOO_LARGE) },
)
